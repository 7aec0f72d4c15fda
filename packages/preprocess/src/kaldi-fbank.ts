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
  readonly #spectrum = new MelSpectrum({
    size: FFT,
    window: Float64Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (WINDOW - 1))),
    hop: HOP,
    emphasis: EMPHASIS,
    banks: kaldiBanks(),
    floor: FLOOR,
    scale: 1,
  });

  /** ⌊(n − 400) / 160⌋ + 1 frames of 128 bands; none for fewer than 400 samples. */
  of(samples: Float32Array): Frames {
    const frames = samples.length < WINDOW ? 0 : Math.floor((samples.length - WINDOW) / HOP) + 1;
    const sums = sumsOf(samples);
    return this.#spectrum.of(frames, {
      read: (from, into) => into.set(samples.subarray(from, from + into.length)),
      // Samples without their mean, emphasised, are emphasised samples without that share of it.
      offset: (f) => {
        let sum = 0;
        for (let part = 0; part < WINDOW / PART; part++) sum += sums[(f * HOP) / PART + part] ?? 0;
        return (1 - EMPHASIS) * (sum / WINDOW);
      },
    });
  }
}

/** Samples that window and hop are whole numbers of. */
const PART = 80;

/** Sums of each 80 samples. */
function sumsOf(samples: Float32Array): Float64Array {
  return Float64Array.from({ length: Math.floor(samples.length / PART) }, (_, part) => {
    let sum = 0;
    for (let i = part * PART; i < (part + 1) * PART; i++) sum += samples[i] ?? 0;
    return sum;
  });
}
