import { FreebindError } from '../errors.ts';
import type { Matrix } from '../matrix.ts';
import { type Table, tableOf } from '../table.ts';
import { bootstrap, type Estimate, type IntervalOptions, percentiles, weightedMean } from './bootstrap.ts';
import type { ScoringOptions } from './cosine-tiles.ts';
import { rankRightItems } from './ranks.ts';
import { checkKs, hitByChance } from './recall.ts';

/** A way to ask, `audio→image`: rows of the first modality look for their own item among rows of the second. */
export type Direction = `${string}→${string}`;

/** What `evaluateDirections` takes. */
export interface DirectionsOptions extends ScoringOptions {
  /** By modality, [n, d] rows of one space; row i is the same item in all of them. Rows need not be unit. */
  readonly modalities: Readonly<Record<string, Table | Matrix>>;
  /** Default 1, 5, 10. */
  readonly ks?: readonly number[];
  /** Default: 95 %, 1000 resamples, seed 0. */
  readonly interval?: IntervalOptions;
}

/** A share of queries in [0, 1] that found their item among the first `k`. */
export interface RecallEstimate extends Estimate {
  readonly k: number;
  /** The value that random scores would have on average. */
  readonly chance: number;
}

/** One direction's figures. */
export interface DirectionScores {
  readonly direction: Direction;
  readonly query: string;
  readonly item: string;
  /** Rows that asked; every one was looked for among as many. */
  readonly items: number;
  readonly recall: readonly RecallEstimate[];
  /** Counted from 1. */
  readonly medianRank: Estimate & { readonly chance: number };
}

/** All directions of some modalities. */
export interface DirectionsReport {
  readonly directions: readonly DirectionScores[];
  /** The mean over directions of each recall; its interval draws items, not directions. */
  readonly mean: readonly RecallEstimate[];
  readonly interval: { readonly level: number; readonly resamples: number; readonly seed: number };
  /** 0-based rank of every item by direction, [n]: what comparing two systems on the same items needs. Empty in JSON. */
  readonly ranks: ReadonlyMap<Direction, Int32Array>;
}

/** The name of a direction. */
export function directionOf(query: string, item: string): Direction {
  return `${query}→${item}`;
}

/** All ordered pairs of modalities, by the first and then by the second. */
export function directionsOf(
  modalities: readonly string[],
): readonly { readonly direction: Direction; readonly query: string; readonly item: string }[] {
  return modalities.flatMap((query) =>
    modalities.filter((item) => item !== query).map((item) => ({ direction: directionOf(query, item), query, item })),
  );
}

/**
 * Retrieval by cosine from every modality to every other, row i belonging to row i. One bootstrap serves all figures: a
 * resample draws items and takes them in every direction, since an item that is hard to see is hard in several.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for fewer than two modalities, FREEBIND_ROWS_MISALIGNED when they differ in rows,
 * FREEBIND_SHAPE_MISMATCH when widths differ or there are no rows, FREEBIND_NUMBER_INVALID, FREEBIND_ABORTED
 */
export async function evaluateDirections(options: DirectionsOptions): Promise<DirectionsReport> {
  const { ks = [1, 5, 10], interval = { seed: 0 }, backend, signal, onProgress } = options;
  checkKs(ks);
  const tables = new Map(Object.entries(options.modalities).map(([name, rows]) => [name, asTable(name, rows)]));
  const items = alignedRows(tables);
  const directions = directionsOf([...tables.keys()]);
  const right = Array.from({ length: items }, (_, row) => [row]);
  const ranks = new Map<Direction, Int32Array>();
  for (const { direction, query, item } of directions) {
    const [queries, gallery] = [tables.get(query), tables.get(item)];
    if (queries === undefined || gallery === undefined) continue; // directions are of these tables
    const before = ranks.size * items;
    const progress = (done: number): void => onProgress?.(before + done, directions.length * items);
    ranks.set(
      direction,
      await rankRightItems({ queries, gallery, right, backend, ...(signal && { signal }), onProgress: progress }),
    );
  }
  return directionsReport(directions, ranks, { ks, interval });
}

/** The figures of ranks that are known, [items] of one length in every direction: of one space, or of several that share the directions. */
export function directionsReport(
  directions: ReturnType<typeof directionsOf>,
  ranks: ReadonlyMap<Direction, Int32Array>,
  { ks, interval }: { readonly ks: readonly number[]; readonly interval: IntervalOptions },
): DirectionsReport {
  const { level = 0.95, resamples = 1000, seed } = interval;
  const items = ranks.values().next().value?.length ?? 0;
  const once = new Uint32Array(items).fill(1);
  const each = directions.map(({ direction }) => ranks.get(direction) ?? new Int32Array(items));
  const recalls = each.flatMap((column) => ks.map((k) => meanOf(hitsAt(column, k))));
  const means = ks.map((k) => meanOf(meanHits(each, k)));
  const medians = each.map(medianRank);
  const statistics = [...recalls, ...means, ...medians];
  const samples = bootstrap(items, statistics, interval);
  const estimates = statistics.map((statistic, s): Estimate => {
    const { low, high } = percentiles(samples[s] ?? [], level);
    return { value: statistic(once), low, high };
  });
  const recallFrom = (first: number): readonly RecallEstimate[] =>
    ks.map((k, i) => ({ k, chance: hitByChance(k, 1, items), ...at(estimates, first + i) }));
  return {
    directions: directions.map(({ direction, query, item }, d) => ({
      direction,
      query,
      item,
      items,
      recall: recallFrom(d * ks.length),
      medianRank: { chance: (items + 1) / 2, ...at(estimates, recalls.length + means.length + d) },
    })),
    mean: recallFrom(recalls.length),
    interval: { level, resamples, seed },
    ranks,
  };
}

/** 1 where a rank is among the first `k`, [n]. */
export function hitsAt(ranks: Int32Array, k: number): Float64Array {
  return Float64Array.from(ranks, (rank) => Number(rank < k));
}

/** An item's share of directions in which it was found among the first `k`, [n]. */
export function meanHits(columns: readonly Int32Array[], k: number): Float64Array {
  const mean = new Float64Array(columns[0]?.length ?? 0);
  for (const column of columns)
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + Number((column[i] ?? 0) < k) / columns.length;
  return mean;
}

function meanOf(column: Float64Array): (counts: Uint32Array) => number {
  return (counts) => weightedMean(column, counts);
}

/** The median of 1-based ranks: of an even number of draws the mean of the middle two. */
function medianRank(ranks: Int32Array): (counts: Uint32Array) => number {
  const order = Int32Array.from(ranks.keys()).sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
  const [low, high] = [Math.floor((ranks.length - 1) / 2), Math.ceil((ranks.length - 1) / 2)];
  return (counts) => {
    let seen = 0;
    let lower: number | undefined;
    for (const item of order) {
      seen += counts[item] ?? 0;
      const rank = 1 + (ranks[item] ?? 0);
      if (seen > low) lower ??= rank;
      if (seen > high) return ((lower ?? rank) + rank) / 2;
    }
    return NaN; // no items, which is refused before
  };
}

function at(estimates: readonly Estimate[], index: number): Estimate {
  return estimates[index] ?? { value: NaN, low: NaN, high: NaN };
}

function asTable(name: string, rows: Table | Matrix): Table {
  return 'read' in rows ? rows : tableOf(rows, name);
}

/** The one number of rows. */
function alignedRows(tables: ReadonlyMap<string, Table>): number {
  const [first, ...others] = tables.values();
  if (first === undefined || others.length === 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Directions lead from one modality to another, but ${[...tables.keys()].join(', ') || 'no modality'} was given; give at least two.`,
    );
  }
  if (others.every(({ rows }) => rows === first.rows)) return first.rows;
  const listed = [...tables].map(([name, table]) => `${name} ${table.rows} (${table.source})`);
  throw new FreebindError(
    'FREEBIND_ROWS_MISALIGNED',
    `Modalities differ in their number of rows: ${listed.join(', ')}. Row i must be the same item in all of them.`,
  );
}
