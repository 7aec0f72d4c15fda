import { filterPhases, type Phases, ratioOf } from './polyphase.ts';

/** Zero crossings on each side, and how far below Nyquist the filter ends: torchaudio's defaults (`functional/functional.py`, `resample`). */
const WIDTH = 6;
const ROLL_OFF = 0.99;

/**
 * Resamples as `torchaudio.functional.resample(x, from, to)` does by default: a sinc under a Hann window of six zero crossings,
 * cut off at 0.99 of the lower Nyquist frequency. The kernel is float64 rounded to float32, as torchaudio's; sums are float64.
 */
export class SincResampler {
  readonly #phases: Phases | undefined;

  /** Rates in Hz. @throws FREEBIND_ARGUMENT_INVALID unless they are whole numbers of 1 to 768,000 */
  constructor(from: number, to: number) {
    const ratio = ratioOf(from, to);
    this.#phases = ratio.up === ratio.down ? undefined : sincPhases(ratio.up, ratio.down);
  }

  /** `samples` at the new rate, ⌈n · to / from⌉ of them; the same array where the rates are equal. */
  resample(samples: Float32Array): Float32Array {
    return this.#phases === undefined ? samples : filterPhases(samples, this.#phases);
  }
}

/** `_get_sinc_resample_kernel` without the taps at which the window is 0. */
function sincPhases(up: number, down: number): Phases {
  const base = Math.min(up, down) * ROLL_OFF;
  // |t| < WIDTH for t = base · (tap / down − phase / up).
  const reach = (WIDTH * down) / base;
  const taps = Math.ceil(2 * reach) + 1;
  const first = new Int32Array(up);
  const weights = new Float64Array(up * taps);
  const scale = base / down;
  for (let phase = 0; phase < up; phase++) {
    // Taps are counted from the sample at or before the output's place, torchaudio's from the start of the block.
    const whole = Math.floor((phase * down) / up);
    const start = Math.ceil((phase * down) / up - reach);
    first[phase] = start - whole;
    for (let t = 0; t < taps; t++) {
      const x = base * ((start + t) / down - phase / up);
      if (Math.abs(x) >= WIDTH) continue;
      const window = Math.cos((x * Math.PI) / WIDTH / 2) ** 2;
      const sinc = x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
      weights[phase * taps + t] = Math.fround(sinc * window * scale);
    }
  }
  return { ratio: { up, down }, taps, first, weights };
}
