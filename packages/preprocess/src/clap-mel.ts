import type { Frames } from './frames.ts';
import { kernelsFor } from './kernels.ts';
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
/** Samples that are quantised at a time, a multiple of 4. */
const PIECE = 2 ** 15;

/**
 * CLAP's mel spectrogram of samples at 48 kHz, in dB: periodic Hann windows of 1,024 samples every 480, centred on their samples
 * with the ends reflected, powers, 10 log₁₀. The fusion model was trained on HTK mels without norm (`training/data.py`,
 * `get_mel`), the others on Slaney's with norm (torchlibrosa inside HTSAT). Float64 inside.
 */
export class ClapMel {
  readonly #spectrum: MelSpectrum;

  constructor(scale: MelScale) {
    this.#spectrum = new MelSpectrum({
      size: FFT,
      window: Float64Array.from({ length: FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT)),
      hop: HOP,
      emphasis: 0,
      banks: melBanks(scale, { bands: BANDS, fft: FFT, sampleRate: SAMPLE_RATE, low: LOWEST, high: HIGHEST }),
      floor: FLOOR,
      scale: 10 / Math.LN10,
    });
  }

  /** ⌊n / 480⌋ + 1 frames of 64 bands. Samples need at least 513 of them, so that the ends can be reflected. */
  of(samples: Float32Array): Frames {
    return this.#spectrum.of(Math.floor(samples.length / HOP) + 1, {
      read: (from, into) => readReflected(samples, from - FFT / 2, into),
      offset: () => 0,
    });
  }
}

/** Samples from a place on, those outside mirrored at the first or last one, which is not doubled. */
function readReflected(samples: Float32Array, from: number, into: Float32Array): void {
  const { length } = samples;
  const begin = Math.max(from, 0);
  const end = Math.min(from + into.length, length);
  into.set(samples.subarray(begin, end), begin - from);
  for (let place = from; place < 0; place++) into[place - from] = samples[-place] ?? 0;
  for (let place = end; place < from + into.length; place++)
    into[place - from] = samples[2 * (length - 1) - place] ?? 0;
}

/**
 * Samples as CLAP was trained on them, through int16 and back: clipped to ±1, times 32,767, truncated toward 0, over 32,767 as
 * float32 (LAION-AI/CLAP `training/data.py`, `float32_to_int16` and `int16_to_float32`). `out`, which may be `samples`, gets them.
 */
export function quantiseInt16(
  samples: Float32Array,
  out: Float32Array = new Float32Array(samples.length),
): Float32Array {
  const piece = Math.min(PIECE, 4 * Math.ceil(samples.length / 4));
  const { kernels, at } = kernelsFor([4 * piece]);
  const floats = new Float32Array(kernels.memory.buffer, at[0], piece);
  for (let start = 0; start < samples.length; start += piece) {
    const part = samples.subarray(start, start + piece);
    floats.set(part);
    kernels.quantise(at[0], piece);
    out.set(floats.subarray(0, part.length), start);
  }
  return out;
}
