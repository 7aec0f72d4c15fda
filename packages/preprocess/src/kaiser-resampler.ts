import { FreebindError } from '@freebind/core';
import { filterPhases, type Phases, phasesOf, type Ratio, ratioOf } from './polyphase.ts';

/**
 * The band of soxr's "HQ" recipe, in parts of the lower Nyquist frequency: it passes up to 0.9137 and stops from 1 on, 126 dB
 * down (soxr `src/soxr.c`, `soxr_quality_spec`: 20 bits, a stop band of (bits + 1) · 6.02 dB).
 */
const PASS = 0.9137;
const STOP = 1;
/**
 * Kaiser's window for that band: its β, and its length in samples of the lower rate. Kaiser's formulas give 12.93 and 190.5,
 * soxr's own polynomials (`src/filter.c`) 12.99 and 191.7 for one stage; these are nearest to what its several stages do
 * together, on the golden recordings of four sample rates.
 */
const BETA = 12.9;
const TAPS = 193;
/** Weights are exact up to so many of them; beyond, the kernel is read off a fine table, which takes a tenth of the time. */
const MOST_EXACT = 2 ** 22;
/** Most weights (64 MiB): enough for every rate up to 86 kHz, and beyond for all that share a factor with the other rate. */
const MOST_WEIGHTS = 2 ** 24;
/** Points of the fine table in one source sample: linear interpolation between them is off by at most π²/8 · 2⁻²² = 3e-7 (−130 dB). */
const FINE = 2048;

/**
 * Resamples with the band of soxr's HQ setting, which librosa uses and which is not to be had in JavaScript: a Kaiser-windowed
 * sinc of linear phase. Sines that go through soxr 1.1.0 from 16, 24 and 32 kHz to 48 come out within 1e-3 of this filter's response in
 * the transition band and 3e-5 below it; after int16, all samples of the golden recordings at these rates are at most one apart. From
 * 44.1 kHz soxr's response droops before the band ends (0.99986 at 0.8 of the Nyquist frequency, 0.9992 at 0.9; presumably its second
 * stage's), which is not imitated: 99.6 % are at most one apart, and the first and last hundred may be five.
 */
export class KaiserResampler {
  readonly #phases: Phases | undefined;

  /** Rates in Hz. @throws FREEBIND_ARGUMENT_INVALID unless they are whole numbers of 1 to 768,000 with at most 2²⁴ weights between them */
  constructor(from: number, to: number) {
    const ratio = ratioOf(from, to);
    if (ratio.up === ratio.down) return;
    // Everything is counted in source samples: the kernel stretches where the target is slower.
    const stretch = Math.max(ratio.down / ratio.up, 1);
    const reach = (TAPS / 2) * stretch;
    const taps = Math.ceil(2 * reach) + 1;
    if (ratio.up * taps > MOST_WEIGHTS)
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `A sound of ${from} Hz cannot be resampled to ${to} Hz: the two have so little in common that the filter would be too large. Convert it to a usual rate first: ffmpeg -i IN -ar 48000 OUT.`,
      );
    this.#phases = kaiserPhases(ratio, { stretch, reach, taps });
  }

  /** `samples` at the new rate, ⌈n · to / from⌉ of them, which may be in `room`, overwriting it; the same array where the rates are equal. */
  resample(samples: Float32Array, room?: Float32Array): Float32Array {
    return this.#phases === undefined ? samples : filterPhases(samples, this.#phases, { room });
  }
}

interface Shape {
  readonly stretch: number;
  readonly reach: number;
  readonly taps: number;
}

/** The kernel at a distance in source samples. */
function kernel(distance: number, { stretch, reach }: Shape): number {
  const inside = 1 - (distance / reach) ** 2;
  if (inside <= 0) return 0;
  const cutOff = (PASS + STOP) / 2 / stretch;
  const x = Math.PI * cutOff * distance;
  const sinc = x === 0 ? 1 : Math.sin(x) / x;
  return (cutOff * sinc * bessel(BETA * Math.sqrt(inside))) / bessel(BETA);
}

function kaiserPhases(ratio: Ratio, shape: Shape): Phases {
  const many = ratio.up * shape.taps > MOST_EXACT;
  const weightAt = many ? tabled(shape) : (distance: number): number => kernel(distance, shape);
  return phasesOf(ratio, shape.taps, (phase) => {
    const place = (phase * ratio.down) / ratio.up;
    const start = Math.ceil(place - shape.reach);
    return { first: start - Math.floor(place), weight: (tap) => weightAt(start + tap - place) };
  });
}

/** The kernel read off a fine table of it, for very many weights. */
function tabled(shape: Shape): (distance: number) => number {
  const table = Float64Array.from({ length: Math.ceil((shape.reach + 2) * FINE) }, (_, i) => kernel(i / FINE, shape));
  return (distance) => {
    const at = Math.abs(distance) * FINE;
    const cell = Math.floor(at);
    const left = table[cell] ?? 0;
    return left + (at - cell) * ((table[cell + 1] ?? 0) - left);
  };
}

/** The modified Bessel function I₀, by its power series; its terms fall below 1e-17 of the sum. */
function bessel(x: number): number {
  const quarter = (x * x) / 4;
  let [term, sum] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}
