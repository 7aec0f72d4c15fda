import { FreebindError } from '@freebind/core';
import { kernelsFor } from './kernels.ts';

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

/** Weights that are added at a time. */
const LANES = 8;

/** The taps of every phase: output n has phase n mod up, and starts at sample ⌊n · down / up⌋ + first[phase]. */
export interface Phases {
  readonly ratio: Ratio;
  /** A multiple of 8. */
  readonly taps: number;
  readonly first: Int32Array;
  /** [up, taps]. */
  readonly weights: Float32Array;
}

/** Phases of `taps` weights each, which `weight` gives, in the layout that `filterPhases` takes. */
export function phasesOf(
  ratio: Ratio,
  taps: number,
  phase: (phase: number) => { readonly first: number; readonly weight: (tap: number) => number },
): Phases {
  const padded = LANES * Math.ceil(taps / LANES);
  const first = new Int32Array(ratio.up);
  const weights = new Float32Array(ratio.up * padded);
  for (let p = 0; p < ratio.up; p++) {
    const { first: start, weight } = phase(p);
    first[p] = start;
    for (let t = 0; t < taps; t++) weights[p * padded + t] = weight(t);
  }
  return { ratio, taps: padded, first, weights };
}

/** Outputs that are filtered at a time, so that memory does not grow with the sound, at least; and at least so many rounds of all phases. */
const PIECE = 2 ** 15;
const ROUNDS = 32;
/** Places that the kernel filters at a time. */
const PLACES = 4;

/** Outputs `from` to `to` of filtering `samples`, which are 0 outside, in `room` where they fit into it. Sums are float32, in eight lanes. */
export function filterPhases(
  samples: Float32Array,
  { ratio: { up, down }, taps, first, weights }: Phases,
  {
    from = 0,
    to = resampledLength(samples.length, { up, down }),
    room,
  }: { readonly from?: number; readonly to?: number; readonly room?: Float32Array | undefined },
): Float32Array {
  const length = Math.max(to - from, 0);
  const out = room !== undefined && length <= room.length ? room.subarray(0, length) : new Float32Array(length);
  const piece = Math.min(Math.max(PIECE, ROUNDS * up), out.length);
  const least = first.reduce((a, b) => Math.min(a, b), 0);
  const reach = first.reduce((a, b) => Math.max(a, b), 0) - least + taps;
  const given = Math.ceil((piece * down) / up) + reach;
  const { kernels, at } = kernelsFor([4 * given, first.byteLength, weights.byteLength, 4 * piece]);
  const [x, firstAt, weightsAt, outAt] = at;
  const [floats, wholes] = [new Float32Array(kernels.memory.buffer), new Int32Array(kernels.memory.buffer)];
  wholes.set(first, firstAt / 4);
  floats.set(weights, weightsAt / 4);
  for (let n = from; n < to; n += piece) {
    const count = Math.min(piece, to - n);
    // Samples from `start` on, zeros before the first and behind the last.
    const start = Math.floor((n * down) / up) + least;
    const part = floats.subarray(x / 4, x / 4 + given);
    const begin = Math.min(Math.max(start, 0), samples.length);
    const end = Math.min(Math.max(start + given, begin), samples.length);
    part.set(samples.subarray(begin, end), begin - start);
    part.fill(0, 0, begin - start).fill(0, end - start);
    // The same phases at four places, whole rounds apart; the last place goes to the end, and what two places reach is the same twice.
    const rounds = Math.floor(count / (PLACES * up));
    const each = count - (PLACES - 1) * rounds * up;
    const [apart, outApart] = [4 * rounds * down, 4 * rounds * up];
    const [phase, rest] = [n % up, (n * down) % up];
    kernels.filter(x - 4 * least, firstAt, weightsAt, taps, up, down, phase, rest, each, apart, outAt, outApart);
    out.set(floats.subarray(outAt / 4, outAt / 4 + count), n - from);
  }
  return out;
}
