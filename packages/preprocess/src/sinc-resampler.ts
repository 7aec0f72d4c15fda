import { filterPhases, type Phases, phasesOf, type Ratio, ratioOf, resampledLength } from './polyphase.ts';

/** Zero crossings on each side, and how far below Nyquist the filter ends: torchaudio's defaults (`functional/functional.py`, `resample`). */
const WIDTH = 6;
const ROLL_OFF = 0.99;

/**
 * Resamples as `torchaudio.functional.resample(x, from, to)` does by default: a sinc under a Hann window of six zero crossings,
 * cut off at 0.99 of the lower Nyquist frequency. The kernel is float64 rounded to float32, and sums are float32, as torchaudio's.
 */
export class SincResampler {
  readonly #ratio: Ratio;
  readonly #phases: Phases | undefined;

  /** Rates in Hz. @throws FREEBIND_ARGUMENT_INVALID unless they are whole numbers of 1 to 768,000 */
  constructor(from: number, to: number) {
    this.#ratio = ratioOf(from, to);
    const { up, down } = this.#ratio;
    this.#phases = up === down ? undefined : sincPhases(this.#ratio);
  }

  /** ⌈n · to / from⌉, samples at the new rate of n. */
  lengthOf(samples: number): number {
    return resampledLength(samples, this.#ratio);
  }

  /** `samples` at the new rate, or only those from place `start` to `end` of them. Where the rates are equal, `samples` itself or a part of it. */
  resample(samples: Float32Array, start = 0, end = this.lengthOf(samples.length)): Float32Array {
    if (this.#phases !== undefined) return filterPhases(samples, this.#phases, { from: start, to: end });
    return end - start === samples.length ? samples : samples.subarray(start, end);
  }
}

/** `_get_sinc_resample_kernel` without the taps at which the window is 0. */
function sincPhases(ratio: Ratio): Phases {
  const { up, down } = ratio;
  const base = Math.min(up, down) * ROLL_OFF;
  // |t| < WIDTH for t = base · (tap / down − phase / up).
  const reach = (WIDTH * down) / base;
  const scale = base / down;
  return phasesOf(ratio, Math.ceil(2 * reach) + 1, (phase) => {
    // Taps are counted from the sample at or before the output's place, torchaudio's from the start of the block.
    const start = Math.ceil((phase * down) / up - reach);
    return {
      first: start - Math.floor((phase * down) / up),
      weight: (tap) => {
        const x = base * ((start + tap) / down - phase / up);
        if (Math.abs(x) >= WIDTH) return 0;
        const window = Math.cos((x * Math.PI) / WIDTH / 2) ** 2;
        const sinc = x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
        return sinc * window * scale;
      },
    };
  });
}
