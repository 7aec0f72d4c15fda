import type { Frames } from './frames.ts';
import { kaldiBanks } from './mel-banks.ts';
import { MelSpectrum } from './mel-spectrum.ts';

/** ImageBind's settings (`imagebind/data.py`, `waveform2melspec`): 25 ms windows every 10 ms at 16 kHz, 128 bands. */
const WINDOW = 400;
const HOP = 160;
const FFT = 512;
/** Kaldi's pre-emphasis. */
const EMPHASIS = 0.97;
/** float32's epsilon: log energies are never below its logarithm (torchaudio `compliance/kaldi.py`, `EPSILON`). */
const FLOOR = 1.1920928955078125e-7;

/**
 * Kaldi's log mel filter bank of samples at 16 kHz, as `torchaudio.compliance.kaldi.fbank` with ImageBind's arguments: whole
 * windows only, each without its mean, pre-emphasised, under a symmetric Hann window; natural logarithms of powers, no dither.
 * Float64 inside; within 1e-3 of torchaudio's float32 where energy is not at the floor.
 */
export class KaldiFbank {
  readonly #spectrum = new MelSpectrum(FFT, kaldiBanks());
  readonly #window = Float64Array.from(
    { length: WINDOW },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (WINDOW - 1)),
  );

  /** ⌊(n − 400) / 160⌋ + 1 frames of 128 bands; none for fewer than 400 samples. */
  of(samples: Float32Array | Float64Array): Frames {
    const frames = samples.length < WINDOW ? 0 : Math.floor((samples.length - WINDOW) / HOP) + 1;
    const window = this.#window;
    const fill = (f: number, into: Float64Array, lane: number): void => {
      const start = f * HOP;
      let mean = 0;
      for (let i = 0; i < WINDOW; i++) mean += samples[start + i] ?? 0;
      mean /= WINDOW;
      // Kaldi's first sample is emphasised against itself.
      let before = (samples[start] ?? 0) - mean;
      for (let i = 0; i < WINDOW; i++) {
        const sample = (samples[start + i] ?? 0) - mean;
        into[2 * i + lane] = (sample - EMPHASIS * before) * (window[i] ?? 0);
        before = sample;
      }
      // The scratch memory has had other uses.
      for (let i = WINDOW; i < FFT; i++) into[2 * i + lane] = 0;
    };
    return this.#spectrum.of(frames, fill, logarithm);
  }
}

function logarithm(energy: number): number {
  return Math.log(Math.max(energy, FLOOR));
}
