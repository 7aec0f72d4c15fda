import { FreebindError } from '../errors.ts';
import { bootstrapMeans, type Interval, type IntervalOptions } from './bootstrap.ts';

/** The share of queries whose best right item is among the first `k`. */
export interface RecallAt {
  readonly k: number;
  /** In [0, 1]. */
  readonly rate: number;
  /** The rate that random scores would have on average. */
  readonly chance: number;
  /** Given when an interval was asked for. */
  readonly interval?: Interval;
}

/**
 * Recall at each of `ks` from 0-based `ranks`, where query i has `rightItems[i]` right ones among `items`. A query with r right
 * ones among m is a hit by chance with probability 1 − C(m − r, k) / C(m, k).
 */
export function recallAt(
  ks: readonly number[],
  ranks: Int32Array,
  rightItems: readonly number[],
  items: number,
  interval?: IntervalOptions,
): readonly RecallAt[] {
  const hits = ks.map((k) => Uint8Array.from(ranks, (rank) => (rank < k ? 1 : 0)));
  const intervals = interval === undefined ? [] : bootstrapMeans(hits, interval);
  return ks.map((k, i): RecallAt => {
    const rate = (hits[i] ?? new Uint8Array()).reduce((a, b) => a + b, 0) / ranks.length;
    const chances = new Map<number, number>();
    let chance = 0;
    for (const right of rightItems) {
      const known = chances.get(right) ?? hitByChance(k, right, items);
      chances.set(right, known);
      chance += known / rightItems.length;
    }
    const range = intervals[i];
    return { k, rate, chance, ...(range === undefined ? {} : { interval: range }) };
  });
}

/** @throws FREEBIND_ARGUMENT_INVALID unless `ks` are whole numbers of at least 1, none twice */
export function checkKs(ks: readonly number[]): void {
  if (ks.length === 0 || new Set(ks).size < ks.length || ks.some((k) => !Number.isSafeInteger(k) || k < 1)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Recall was asked for at k = ${ks.join(', ') || 'nothing'}; give whole numbers of at least 1, each once, such as 1, 5, 10.`,
    );
  }
}

/** The probability that a query with `right` right ones among `items` has one among `k` drawn at random. */
export function hitByChance(k: number, right: number, items: number): number {
  let miss = 1;
  for (let i = 0; i < Math.min(k, items); i++) miss *= Math.max(0, items - right - i) / (items - i);
  return 1 - miss;
}
