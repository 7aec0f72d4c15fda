import { FreebindError, type Matrix, matrix } from '@freebind/core';
import type { Packed } from './session-protocol.ts';

/**
 * The best `width` keys of every query among those seen so far, which come in their own order. Most scores of a large bank
 * are below the least of their query's best, and are dropped after one comparison, at about a nanosecond each; of m keys in
 * random order k · (1 + ln(m/k)) are not (a further key is among the best k of m with probability k/m), and enter a heap.
 */
export class Ranking {
  readonly #width: number;
  /** Heaps, a query's after another's: the worst at the root, which is the lowest score and of equal ones the later key. */
  readonly #scores: Float32Array;
  readonly #indices: Int32Array;
  /** The score at the root of each query's heap. */
  readonly #least: Float32Array;

  constructor(queries: number, width: number) {
    this.#width = width;
    this.#scores = new Float32Array(queries * width);
    this.#indices = new Int32Array(queries * width);
    this.#least = new Float32Array(queries);
  }

  /** Takes scores [keys, queries], of keys from `start` and of queries from `first` on. @throws FREEBIND_NUMBER_INVALID for NaN */
  add({ dims: [keys = 0, queries = 0], data }: Packed, start: number, first: number): void {
    const scores = data as Float32Array; // as `rankingGraph` gives them
    const least = this.#least.subarray(first, first + queries);
    for (let r = 0, i = 0; r < keys; r++) {
      const key = start + r;
      if (key < this.#width) {
        for (let q = 0; q < queries; q++, i++) this.#fill(first + q, key, scores[i] ?? 0);
        continue;
      }
      for (let q = 0; q < queries; q++, i++) {
        const score = scores[i] ?? 0;
        // NaN is not below either.
        if (!(score <= (least[q] ?? 0))) this.#replaceWorst(first + q, key, score);
      }
    }
  }

  /** The rankings, best first; no more keys can be added. */
  finish(): { readonly indices: Int32Array; readonly scores: Matrix } {
    const width = this.#width;
    for (let q = 0; q < this.#least.length; q++) {
      // Heapsort: the worst of those left goes behind them.
      for (let left = width - 1; left > 0; left--) {
        const [root, last] = [q * width, q * width + left];
        const [score, index] = [this.#scores[root] ?? 0, this.#indices[root] ?? 0];
        this.#sink(root, left, this.#scores[last] ?? 0, this.#indices[last] ?? 0);
        this.#scores[last] = score;
        this.#indices[last] = index;
      }
    }
    return { indices: this.#indices, scores: matrix(this.#least.length, width, this.#scores) };
  }

  /** Key `key` < width of a query; the last of them makes the heap. */
  #fill(query: number, key: number, score: number): void {
    if (Number.isNaN(score)) throw notANumber(query, key);
    const [root, width] = [query * this.#width, this.#width];
    this.#scores[root + key] = score;
    this.#indices[root + key] = key;
    if (key < width - 1) return;
    for (let at = (width >> 1) - 1; at >= 0; at--)
      this.#sink(root, width, this.#scores[root + at] ?? 0, this.#indices[root + at] ?? 0, at);
    this.#least[query] = this.#scores[root] ?? 0;
  }

  #replaceWorst(query: number, key: number, score: number): void {
    if (Number.isNaN(score)) throw notANumber(query, key);
    const root = query * this.#width;
    this.#sink(root, this.#width, score, key);
    this.#least[query] = this.#scores[root] ?? 0;
  }

  /** Puts an entry at place `at` of the heap of `size` at `root`, or below it where worse ones have to be above. */
  #sink(root: number, size: number, score: number, index: number, at = 0): void {
    const [scores, indices] = [this.#scores, this.#indices];
    const isWorse = (a: number, s: number, i: number): boolean => {
      const other = scores[a] ?? 0;
      return other < s || (other === s && (indices[a] ?? 0) > i);
    };
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isWorse(root + child + 1, scores[root + child] ?? 0, indices[root + child] ?? 0)) child++;
      if (!isWorse(root + child, score, index)) break;
      scores[root + at] = scores[root + child] ?? 0;
      indices[root + at] = indices[root + child] ?? 0;
      at = child;
    }
    scores[root + at] = score;
    indices[root + at] = index;
  }
}

/** NaN compares as false with everything, so a ranking with one would be silently wrong. */
function notANumber(query: number, key: number): FreebindError {
  return new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `The score of query ${query} against row ${key} of the bank is NaN; one of the two rows is damaged.`,
  );
}
