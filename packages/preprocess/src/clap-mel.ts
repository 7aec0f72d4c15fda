import type { Frames } from './frames.ts';
import { melBanks, type MelScale } from './mel-banks.ts';
import { MelSpectrum } from './mel-spectrum.ts';

/** CLAP's audio settings, the same for all its models (LAION-AI/CLAP `clap_module/model_configs/HTSAT-*.json`). */
const SAMPLE_RATE = 48_000; // Hz
const FFT = 1024;
const HOP = 480;
const BANDS = 64;
const LOWEST = 50; // Hz
const HIGHEST = 14_000; // Hz
/** Powers below this are −100 dB (`amin` of torchaudio's AmplitudeToDB and of torchlibrosa). */
const FLOOR = 1e-10;

/**
 * CLAP's mel spectrogram of samples at 48 kHz, in dB: periodic Hann windows of 1,024 samples every 480, centred on their samples
 * with the ends reflected, powers, 10 log₁₀. The fusion model was trained on HTK mels without norm (`training/data.py`,
 * `get_mel`), the others on Slaney's with norm (torchlibrosa inside HTSAT). Float64 inside.
 */
export class ClapMel {
  readonly #spectrum: MelSpectrum;
  readonly #window = Float64Array.from({ length: FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));

  constructor(scale: MelScale) {
    const banks = melBanks(scale, { bands: BANDS, fft: FFT, sampleRate: SAMPLE_RATE, low: LOWEST, high: HIGHEST });
    this.#spectrum = new MelSpectrum(FFT, banks);
  }

  /** ⌊n / 480⌋ + 1 frames of 64 bands. Samples need at least 513 of them, so that the ends can be reflected. */
  of(samples: Float32Array): Frames {
    const { length } = samples;
    const window = this.#window;
    const fill = (f: number, into: Float64Array, lane: number): void => {
      const start = f * HOP - FFT / 2;
      if (start >= 0 && start + FFT <= length)
        for (let i = 0; i < FFT; i++) into[2 * i + lane] = (samples[start + i] ?? 0) * (window[i] ?? 0);
      else
        for (let i = 0; i < FFT; i++)
          into[2 * i + lane] = (samples[reflected(start + i, length)] ?? 0) * (window[i] ?? 0);
    };
    return this.#spectrum.of(Math.floor(length / HOP) + 1, fill, decibels);
  }
}

function decibels(energy: number): number {
  return 10 * Math.log10(Math.max(energy, FLOOR));
}

/** A place outside mirrored at the first or last sample, which is not doubled. */
function reflected(place: number, length: number): number {
  const inside = Math.abs(place);
  return inside < length ? inside : 2 * (length - 1) - inside;
}

/**
 * Samples as CLAP was trained on them, through int16 and back: clipped to ±1, times 32,767, truncated toward 0, over 32,767 as
 * float32 (LAION-AI/CLAP `training/data.py`, `float32_to_int16` and `int16_to_float32`).
 */
export function quantiseInt16(samples: Float32Array): Float32Array {
  const out = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const clipped = Math.min(Math.max(samples[i] ?? 0, -1), 1);
    // NumPy multiplies float32 by float32.
    out[i] = Math.trunc(Math.fround(clipped * 32_767)) / 32_767;
  }
  return out;
}
