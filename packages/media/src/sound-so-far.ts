import type { ModalityInputs } from '@freebind/core';
import type { Decoded } from './decoders.ts';
import { checkSignal } from './limits.ts';
import { checkSamples, checkSeconds, type SoundSize } from './sound-limit.ts';

/** What bounds a sound while it is decoded. */
export interface Bounds {
  readonly maxSeconds: number;
  readonly signal: AbortSignal | undefined;
}

/** A sound that is decoded piece by piece, and is refused as soon as it is too large. */
export class SoundSoFar {
  readonly #format: string;
  readonly #bounds: Bounds;
  #pieces: (readonly Float32Array[])[] = [];
  #samples = 0;
  #sampleRate = 0;

  constructor(format: string, bounds: Bounds) {
    this.#format = format;
    this.#bounds = bounds;
  }

  /** Of one channel. */
  get samples(): number {
    return this.#samples;
  }

  /** Refuses a file by what it says of itself, before any of it is decoded. @throws FREEBIND_FILE_INVALID */
  expect(size: SoundSize): void {
    checkSeconds(this.#format, size, this.#bounds.maxSeconds);
    checkSamples(this.#format, size, this.#bounds.maxSeconds);
  }

  /** Puts a piece behind. @throws FREEBIND_FILE_INVALID FREEBIND_ABORTED, and an Error in the decoder's words */
  add({ channelData, sampleRate, errors }: Decoded): void {
    const { maxSeconds, signal } = this.#bounds;
    checkSignal(signal);
    const [error] = errors;
    if (error !== undefined) throw new Error(error.message);
    const samples = channelData[0]?.length ?? 0;
    if (samples === 0) return;
    if (!(sampleRate > 0)) throw new Error(`a sample rate of ${sampleRate} Hz`);
    const channels = this.#pieces[0]?.length ?? channelData.length;
    if (this.#samples === 0) this.#sampleRate = sampleRate;
    if (channelData.length !== channels || sampleRate !== this.#sampleRate)
      throw new Error(
        `${channels} channels at ${this.#sampleRate} Hz become ${channelData.length} at ${sampleRate} Hz`,
      );
    this.#samples += samples;
    this.#pieces.push(channelData);
    const size = { samples: this.#samples, channels, sampleRate };
    checkSeconds(this.#format, size, maxSeconds, false);
    checkSamples(this.#format, size, maxSeconds);
  }

  /** Leaves out what is behind `samples` of a channel, all where there are none in front of them. */
  cutTo(samples: number): void {
    while (this.#samples > Math.max(0, samples)) {
      const last = this.#pieces.pop() ?? [];
      const length = last[0]?.length ?? 0;
      const left = Math.max(0, length - (this.#samples - samples));
      this.#samples -= length - left;
      if (left > 0) this.#pieces.push(last.map((channel) => channel.subarray(0, left)));
    }
  }

  /** The whole, which is no longer here then. */
  end(): ModalityInputs['audio'] {
    const pieces = this.#pieces;
    this.#pieces = [];
    const channels = Array.from({ length: pieces[0]?.length ?? 0 }, (_, c) => {
      const channel = new Float32Array(this.#samples);
      let at = 0;
      for (const piece of pieces) {
        const part = piece[c] ?? new Float32Array(0);
        channel.set(part, at);
        at += part.length;
      }
      return channel;
    });
    return { channels, sampleRate: this.#sampleRate };
  }
}
