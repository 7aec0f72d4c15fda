import type { Frames } from './frames.ts';
import { bandEnergy, kaldiBanks, type MelBanks } from './mel-banks.ts';
import { PowerSpectrum } from './real-fft.ts';

/** ImageBind's settings (`imagebind/data.py`, `waveform2melspec`): 25 ms windows every 10 ms at 16 kHz, 128 bands. */
const WINDOW = 400;
const HOP = 160;
const FFT = 512;
const BANDS = 128;
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
  readonly #spectrum = new PowerSpectrum(FFT);
  readonly #banks: MelBanks = kaldiBanks();
  readonly #window = Float64Array.from(
    { length: WINDOW },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (WINDOW - 1)),
  );

  /** ⌊(n − 400) / 160⌋ + 1 frames of 128 bands; none for fewer than 400 samples. */
  of(samples: Float32Array | Float64Array): Frames {
    const frames = samples.length < WINDOW ? 0 : Math.floor((samples.length - WINDOW) / HOP) + 1;
    const data = new Float32Array(frames * BANDS);
    const frame = new Float64Array(FFT);
    const powers = new Float64Array(FFT / 2 + 1);
    for (let f = 0; f < frames; f++) {
      const start = f * HOP;
      let mean = 0;
      for (let i = 0; i < WINDOW; i++) mean += samples[start + i] ?? 0;
      mean /= WINDOW;
      // Kaldi's first sample is emphasised against itself.
      let before = (samples[start] ?? 0) - mean;
      for (let i = 0; i < WINDOW; i++) {
        const sample = (samples[start + i] ?? 0) - mean;
        frame[i] = (sample - EMPHASIS * before) * (this.#window[i] ?? 0);
        before = sample;
      }
      this.#spectrum.of(frame, powers);
      for (let b = 0; b < BANDS; b++)
        data[f * BANDS + b] = Math.log(Math.max(bandEnergy(powers, this.#banks, b), FLOOR));
    }
    return { frames, bands: BANDS, data };
  }
}
