import { FreebindError } from '../errors.ts';
import { bootstrap, type Estimate, type IntervalOptions, percentiles, weightedMean } from './bootstrap.ts';
import { type Direction, type DirectionsReport, hitsAt, meanHits } from './directions.ts';

/** Two systems' recall at k on the same items. */
export interface Comparison {
  readonly direction: Direction | 'mean';
  readonly k: number;
  readonly before: number;
  readonly after: number;
  /** after − before. */
  readonly difference: Estimate;
  /** after / before; ends are infinite where a resample has no hit before, and a ratio of nothing to nothing counts as 1. */
  readonly ratio: Estimate;
  /** The interval of the difference leaves out 0: a gain or a loss that fresh items would probably show too. */
  readonly beyondNoise: boolean;
}

/**
 * Is a gain noise? A paired bootstrap of two reports on the same items, for every direction that both have and for their
 * mean: each resample draws items and takes both systems' hits on them, so that what is hard for both cancels.
 *
 * @throws FREEBIND_ROWS_MISALIGNED when the reports are of different numbers of items, FREEBIND_ARGUMENT_INVALID when they
 * have no direction or recall in common
 */
export function compareDirections(
  before: DirectionsReport,
  after: DirectionsReport,
  interval: IntervalOptions = before.interval,
): readonly Comparison[] {
  const shared = before.directions.map(({ direction }) => direction).filter((direction) => after.ranks.has(direction));
  const ks = before.mean.map(({ k }) => k).filter((k) => after.mean.some((other) => other.k === k));
  if (shared.length === 0 || ks.length === 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Reports of ${list(before)} and of ${list(after)} have nothing in common to compare; evaluate both on the same directions and k.`,
    );
  }
  const ranksIn = ({ ranks }: DirectionsReport): readonly Int32Array[] =>
    shared.map((direction) => ranks.get(direction) ?? new Int32Array());
  const [old, young] = [ranksIn(before), ranksIn(after)];
  const items = old[0]?.length ?? 0;
  const others = young[0]?.length ?? 0;
  if (items !== others) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `One report is of ${items} items and the other of ${others}; a paired comparison needs the same items in both.`,
    );
  }
  const cases = [...shared.keys(), undefined].flatMap((d) =>
    ks.map((k) => {
      const columnOf = (ranks: readonly Int32Array[]): Float64Array =>
        d === undefined ? meanHits(ranks, k) : hitsAt(ranks[d] ?? new Int32Array(), k);
      return {
        direction: d === undefined ? ('mean' as const) : (shared[d] ?? 'mean'),
        k,
        columns: [columnOf(old), columnOf(young)] as const,
      };
    }),
  );
  const statistics = cases.flatMap(({ columns: [a, b] }) => [
    (counts: Uint32Array): number => weightedMean(b, counts) - weightedMean(a, counts),
    (counts: Uint32Array): number => ratioOf(weightedMean(b, counts), weightedMean(a, counts)),
  ]);
  const { level = 0.95 } = interval;
  const ends = bootstrap(items, statistics, interval).map((samples) => percentiles(samples, level));
  const once = new Uint32Array(items).fill(1);
  return cases.map(({ direction, k, columns: [a, b] }, i): Comparison => {
    const [was, is] = [weightedMean(a, once), weightedMean(b, once)];
    const none = { low: NaN, high: NaN };
    const difference = { value: is - was, ...(ends[2 * i] ?? none) };
    const ratio = { value: ratioOf(is, was), ...(ends[2 * i + 1] ?? none) };
    const beyondNoise = difference.low > 0 || difference.high < 0;
    return { direction, k, before: was, after: is, difference, ratio, beyondNoise };
  });
}

function ratioOf(after: number, before: number): number {
  return after === 0 && before === 0 ? 1 : after / before;
}

function list({ directions, mean }: DirectionsReport): string {
  return `${directions.map(({ direction }) => direction).join(', ')} at k = ${mean.map(({ k }) => k).join(', ')}`;
}
