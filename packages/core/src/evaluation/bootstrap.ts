import { FreebindError } from '../errors.ts';
import { random } from '../random.ts';

/** Options of a bootstrap. */
export interface IntervalOptions {
  /** Share of resamples within the interval; default 0.95. */
  readonly level?: number;
  /** Default 1000. */
  readonly resamples?: number;
  readonly seed: number;
}

/** Between `low` and `high` lie `level` of the bootstrap's means. */
export interface Interval {
  readonly level: number;
  readonly low: number;
  readonly high: number;
}

/** A figure with the ends of its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile bootstrap intervals (Efron 1979) of the mean of each column: queries are drawn with replacement, all columns
 * together, and ends are interpolated between order statistics. `columns` hold one number a query, all of one length.
 * Queries count as independent, so captions of one item make an interval narrower than fresh items would.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a level outside (0, 1) or resamples that are not a whole number of at least 2
 */
export function bootstrapMeans(columns: readonly ArrayLike<number>[], options: IntervalOptions): readonly Interval[] {
  const n = columns[0]?.length ?? 0;
  const { level = 0.95 } = options;
  const statistics = columns.map((column) => (counts: Uint32Array) => weightedMean(column, counts));
  return bootstrap(n, statistics, options).map((samples) => {
    const { low, high } = percentiles(samples, level);
    return { level, low, high };
  });
}

/**
 * Figures of resamples: `n` items are drawn with replacement, and every statistic is told how often each was drawn, all of
 * them the same draw. Gives one sorted list of figures a statistic.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a level outside (0, 1) or resamples that are not a whole number of at least 2
 */
export function bootstrap(
  n: number,
  statistics: readonly ((counts: Uint32Array) => number)[],
  { level = 0.95, resamples = 1000, seed }: IntervalOptions,
): readonly Float64Array[] {
  if (!(level > 0 && level < 1) || !Number.isSafeInteger(resamples) || resamples < 2) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `An interval of level ${level} from ${resamples} resamples was asked for; the level must be between 0 and 1, and resamples a whole number of at least 2.`,
    );
  }
  const draw = random(seed, 'bootstrap');
  const figures = statistics.map(() => new Float64Array(resamples));
  const counts = new Uint32Array(n);
  for (let resample = 0; resample < resamples; resample++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) {
      const drawn = draw.below(n);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    statistics.forEach((statistic, s) => {
      const into = figures[s];
      if (into !== undefined) into[resample] = statistic(counts);
    });
  }
  return figures.map((samples) => samples.sort());
}

/** The mean of a column whose row i was drawn `counts[i]` times, as many draws as rows. */
export function weightedMean(column: ArrayLike<number>, counts: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += (counts[i] ?? 0) * (column[i] ?? 0);
  return sum / counts.length;
}

/** The ends between which `level` of sorted figures lie. */
export function percentiles(sorted: ArrayLike<number>, level: number): Pick<Estimate, 'low' | 'high'> {
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

/** The `q`-quantile of sorted numbers, linear between neighbours, as NumPy's default. */
function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? 0;
  // Ratios may be infinite, and ∞ − ∞ has no value.
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}
