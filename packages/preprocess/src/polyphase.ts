import { FreebindError } from '@freebind/core';

/** Highest sample rate that is resampled, in Hz: twice the highest that studios use. */
const HIGHEST_RATE = 768_000;

/** A change of sample rate by the whole-number ratio `up` / `down`, both without a common factor. */
export interface Ratio {
  readonly up: number;
  readonly down: number;
}

/** @throws FREEBIND_ARGUMENT_INVALID unless both rates are whole numbers of 1 to 768,000 Hz */
export function ratioOf(from: number, to: number): Ratio {
  for (const rate of [from, to]) {
    if (!Number.isInteger(rate) || rate < 1 || rate > HIGHEST_RATE) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `A sample rate of ${rate} Hz cannot be resampled; expected a whole number of 1 to ${HIGHEST_RATE} Hz.`,
      );
    }
  }
  let [a, b] = [from, to];
  while (b > 0) [a, b] = [b, a % b];
  return { up: to / a, down: from / a };
}

/** Samples after resampling n: n · to / from, rounded up, as torchaudio and librosa (`fix_length`) count. */
export function resampledLength(samples: number, { up, down }: Ratio): number {
  return Math.ceil((samples * up) / down);
}

/** The taps of every phase: output n has phase n mod up, and starts at sample ⌊n · down / up⌋ + first[phase]. */
export interface Phases {
  readonly ratio: Ratio;
  readonly taps: number;
  readonly first: Int32Array;
  /** [up, taps]. */
  readonly weights: Float64Array;
}

/** Filters `samples`, which are 0 outside; sums are float64, the result is rounded to float32. */
export function filterPhases(
  samples: Float32Array,
  { ratio: { up, down }, taps, first, weights }: Phases,
): Float32Array {
  const out = new Float32Array(resampledLength(samples.length, { up, down }));
  const { length } = samples;
  let phase = 0;
  let position = 0; // ⌊n · down / up⌋, kept without division
  let remainder = 0;
  for (let n = 0; n < out.length; n++) {
    const start = position + (first[phase] ?? 0);
    const low = start < 0 ? -start : 0;
    const high = length - start < taps ? length - start : taps;
    const row = phase * taps;
    // Four sums, so that an addition need not wait for the one before.
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let t = low;
    for (const last = high - 3; t < last; t += 4) {
      a += (samples[start + t] ?? 0) * (weights[row + t] ?? 0);
      b += (samples[start + t + 1] ?? 0) * (weights[row + t + 1] ?? 0);
      c += (samples[start + t + 2] ?? 0) * (weights[row + t + 2] ?? 0);
      d += (samples[start + t + 3] ?? 0) * (weights[row + t + 3] ?? 0);
    }
    for (; t < high; t++) a += (samples[start + t] ?? 0) * (weights[row + t] ?? 0);
    out[n] = a + b + (c + d);
    phase++;
    if (phase === up) phase = 0;
    remainder += down;
    while (remainder >= up) {
      remainder -= up;
      position++;
    }
  }
  return out;
}
