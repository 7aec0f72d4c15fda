import { FreebindError, type ModalityInputs } from '@freebind/core';
import { KaldiFbank } from './kaldi-fbank.ts';
import { SincResampler } from './sinc-resampler.ts';
import { checkSound, largest } from './sound.ts';

/** ImageBind's audio settings (`imagebind/data.py`, `load_and_transform_audio_data` and its defaults). */
const SAMPLE_RATE = 16_000; // Hz
const CLIPS = 3;
const CLIP_SECONDS = 2;
const BANDS = 128;
const FRAMES = 204;
const MEAN = -4.268;
const DEVIATION = 9.138;
/** Samples that the first frame of the filter bank takes. */
const LEAST = 400;

const NOTHING = new Float32Array(0);

/** Clips of one sound: [3, 1, 128, 204]. */
export const IMAGEBIND_AUDIO_DIMS = [CLIPS, 1, BANDS, FRAMES] as const;

/**
 * Makes what ImageBind's audio encoder sees: three clips of two seconds, at the start, in the middle and at the end, each the log
 * filter bank of its first channel, transposed, padded with zeros to 204 frames, and then shifted and scaled. A sound shorter than two
 * seconds is taken three times.
 */
export class ImagebindAudio {
  readonly #fbank = new KaldiFbank();
  /** The last rate's filter: files of one collection have one rate. */
  #resampler: { readonly rate: number; readonly filter: SincResampler } | undefined;

  /** [3, 1, 128, 204], flat. @throws what `checkSound` throws, and FREEBIND_ARGUMENT_INVALID for less than 25 ms */
  of({ channels, sampleRate }: ModalityInputs['audio']): Float32Array {
    checkSound({ channels, sampleRate });
    if (this.#resampler?.rate !== sampleRate)
      this.#resampler = { rate: sampleRate, filter: new SincResampler(sampleRate, SAMPLE_RATE) };
    const { filter } = this.#resampler;
    const samples = filter.lengthOf(channels[0]?.length ?? 0);
    if (samples < LEAST) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `The sound has ${channels[0]?.length ?? 0} samples at ${sampleRate} Hz, ${samples} at 16 kHz, but ImageBind needs at least ${LEAST} (25 ms). Leave it out, or make it longer.`,
      );
    }
    const heard = channels.map((channel) => clipped(channel));
    const waves = channels.map(() => new Float32Array(samples));
    const out = new Float32Array(CLIPS * BANDS * FRAMES).fill((0 - MEAN) / DEVIATION);
    let made = 0;
    for (let clip = 0; clip < CLIPS; clip++) {
      const [start, end] = clipRange(samples, clip);
      // Nothing is heard of what lies between the clips, so it is not resampled. Each sample is made once: see below.
      const from = Math.max(start, made);
      if (from < end) waves.forEach((wave, c) => wave.set(filter.resample(heard[c] ?? NOTHING, from, end), from));
      made = Math.max(end, made);
      const clips = waves.map((wave) => wave.subarray(start, end));
      // The mean over all channels goes, and stays gone where a later clip overlaps (torch's `waveform -= waveform.mean()` on a view).
      const total = clips.reduce((sum, wave) => sum + sumOf(wave), 0);
      const mean = Math.fround(total / clips.reduce((count, wave) => count + wave.length, 0));
      for (const wave of clips) for (let i = 0; i < wave.length; i++) wave[i] = (wave[i] ?? 0) - mean;
      const { frames, data } = this.#fbank.of(clips[0] ?? NOTHING);
      for (let f = 0; f < Math.min(frames, FRAMES); f++)
        for (let b = 0; b < BANDS; b++)
          out[(clip * BANDS + b) * FRAMES + f] = ((data[f * BANDS + b] ?? 0) - MEAN) / DEVIATION;
    }
    return out;
  }
}

/**
 * Samples of a clip: starts are 0, m/2 and m for m = duration − 2 s, exact fractions of the float64 duration, cut to whole samples
 * (pytorchvideo `ConstantClipsPerVideoSampler`, ImageBind `get_clip_timepoints`): 3.3 s, which float64 has a hair too short, gives 10399.
 */
export function clipRange(samples: number, clip: number): readonly [start: number, end: number] {
  const duration = samples / SAMPLE_RATE;
  if (duration <= CLIP_SECONDS) return [0, samples];
  // duration − 2 is exact in float64, and float64s from 2 s on are whole numbers of 2⁻⁵¹ s.
  const scale = 2 ** 51;
  const whole = BigInt((duration - CLIP_SECONDS) * scale) * BigInt(clip) * BigInt(SAMPLE_RATE);
  const parts = BigInt(scale) * BigInt(CLIPS - 1);
  const start = Number(whole / parts);
  const end = Number((whole + BigInt(CLIP_SECONDS * SAMPLE_RATE) * parts) / parts);
  return [start, Math.min(end, samples)];
}

/** Samples within ±1: torchaudio's loader clips those of float files (sox works on whole numbers). */
export function clipped(channel: Float32Array): Float32Array {
  if (largest(channel) <= 1) return channel;
  const out = new Float32Array(channel.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(channel[i] ?? 0, -1), 1);
  return out;
}

function sumOf(wave: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < wave.length; i++) sum += wave[i] ?? 0;
  return sum;
}
