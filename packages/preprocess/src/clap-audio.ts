import type { ModalityInputs, Random } from '@freebind/core';
import { ClapMel, quantiseInt16 } from './clap-mel.ts';
import { resizeFrames } from './frames.ts';
import { KaiserResampler } from './kaiser-resampler.ts';
import { checkSound, mixDown } from './sound.ts';

/** CLAP's audio settings (LAION-AI/CLAP `training/data.py`, `get_audio_features`; `hook.py`). */
const SAMPLE_RATE = 48_000; // Hz
const HOP = 480;
/** Ten seconds. */
const LENGTH = 480_000;
const FRAMES = LENGTH / HOP + 1;
const BANDS = 64;

/** What CLAP's audio encoders see of a sound. */
export interface ClapFeatures {
  /** [1, 1001, 64]; of a longer sound [4, 1001, 64] for the fusion model, which sees four times the same of any other. */
  readonly data: Float32Array;
  /** Whether it was longer than ten seconds. */
  readonly longer: boolean;
}

/** Where ten-second pieces of a longer sound begin: `below(n)` is a whole number in [0, n). */
export type Draw = Pick<Random, 'below'>;

/** Makes what a CLAP audio encoder sees of a sound: 48 kHz, one channel, through int16, ten seconds, mels in dB. */
export class ClapAudio {
  readonly #fusion: boolean;
  readonly #mel: ClapMel;
  /** A wave of up to ten seconds, and its repetitions. They stay in memory, because fresh memory takes as long as they do. */
  readonly #short = new Float32Array(LENGTH);
  /** The last rate's filter: files of one collection have one rate. */
  #resampler: { readonly rate: number; readonly filter: KaiserResampler } | undefined;

  constructor(fusion: boolean) {
    this.#fusion = fusion;
    this.#mel = new ClapMel(fusion ? 'htk' : 'slaney');
  }

  /**
   * The sound at 48 kHz, one channel, as the model was trained on it. One of up to ten seconds is there until the next call.
   *
   * @throws what `checkSound` throws
   */
  wave({ channels, sampleRate }: ModalityInputs['audio']): Float32Array {
    checkSound({ channels, sampleRate });
    const mono = mixDown(channels);
    if (this.#resampler?.rate !== sampleRate)
      this.#resampler = { rate: sampleRate, filter: new KaiserResampler(sampleRate, SAMPLE_RATE) };
    const wave = this.#resampler.filter.resample(mono, this.#short);
    // What was given stays as it is; what was made here need not be made again.
    return quantiseInt16(wave, wave === channels[0] ? undefined : wave);
  }

  /**
   * Features of such a wave, which has at least one sample. Up to ten seconds it is repeated as often as it fits, then zeros
   * follow. Beyond, the models without fusion see ten seconds from a drawn place; the fusion model sees four channels: the whole
   * shrunk, and ten seconds of the first, second and third part, each from a drawn frame.
   */
  features(wave: Float32Array, draw: Draw): ClapFeatures {
    if (wave.length <= LENGTH) return { data: this.#mel.of(repeated(wave, this.#short)).data, longer: false };
    if (!this.#fusion) {
      const start = draw.below(wave.length - LENGTH + 1);
      return { data: this.#mel.of(wave.subarray(start, start + LENGTH)).data, longer: true };
    }
    const mel = this.#mel.of(wave);
    // Up to 479 samples more make no frame more: such a sound is not longer.
    if (mel.frames === FRAMES) return { data: mel.data, longer: false };
    const data = new Float32Array(4 * FRAMES * BANDS);
    data.set(resizeFrames(mel, FRAMES).data);
    thirds(mel.frames - FRAMES + 1).forEach(([first, count], i) => {
      const start = first + draw.below(count);
      data.set(mel.data.subarray(start * BANDS, (start + FRAMES) * BANDS), (i + 1) * FRAMES * BANDS);
    });
    return { data, longer: true };
  }
}

/** First place and number of places of each third of `count` starts: NumPy's `array_split`, an empty third counting as [0]. */
function thirds(count: number): readonly (readonly [first: number, count: number])[] {
  const [size, rest] = [Math.floor(count / 3), count % 3];
  let first = 0;
  return [0, 1, 2].map((i) => {
    const own = size + (i < rest ? 1 : 0);
    const third = own === 0 ? ([0, 1] as const) : ([first, own] as const);
    first += own;
    return third;
  });
}

/** Whole copies of a short wave in `out`, which may begin with it, then zeros ("repeatpad"). */
function repeated(wave: Float32Array, out: Float32Array): Float32Array {
  const copies = Math.floor(out.length / wave.length);
  for (let i = wave.buffer === out.buffer ? 1 : 0; i < copies; i++) out.set(wave, i * wave.length);
  return out.fill(0, copies * wave.length);
}
