import {
  type BankRunner,
  checkAggregationTemperature,
  FreebindError,
  type Matrix,
  matrix,
  type Table,
} from '@freebind/core';
import { at, dot } from './layers.ts';
import type { Lifetime } from './lifetime.ts';

/** Rows of the bank that are in memory at once, so that a bank may be larger than it. */
const TILE = 1024;

/** A memory bank that is read from its tables in tiles. */
export class MyBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #values: Table | undefined;
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  constructor({ keys, values }: { readonly keys: Table; readonly values?: Table }, lifetime: Lifetime) {
    if (keys.rows === 0)
      throw new FreebindError('FREEBIND_SHAPE_MISMATCH', `The bank ${keys.source} has no rows; give at least one.`);
    if (values !== undefined && values.rows !== keys.rows) {
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `The bank's keys ${keys.source} have ${keys.rows} rows, but its values ${values.source} have ${values.rows}; row i of both must be one item.`,
      );
    }
    this.#keys = keys;
    this.#values = values;
    this.#lifetime = lifetime;
  }

  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    checkAggregationTemperature(temperature);
    const { cols } = this.#values ?? this.#keys;
    const sums = new Float64Array(queries.rows * cols);
    const weights = new Float64Array(queries.rows);
    // The highest score seen is subtracted before exp, so that no temperature overflows; when a tile has a higher one, what
    // was summed is scaled down to it (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax").
    const highest = new Float64Array(queries.rows).fill(-Infinity);
    for await (const { start, keys, scores } of this.#tiles(queries)) {
      const values = this.#values === undefined ? keys : await this.#values.read(start, start + keys.rows);
      this.#lifetime.check();
      scores.forEach((row, q) => {
        const before = at(highest, q);
        const now = row.reduce((a, b) => Math.max(a, b), before);
        const shrink = Math.exp((before - now) / temperature);
        const sum = sums.subarray(q * cols, (q + 1) * cols);
        let weight = at(weights, q) * shrink;
        sum.forEach((x, c) => (sum[c] = x * shrink));
        row.forEach((score, i) => {
          const own = Math.exp((score - now) / temperature);
          weight += own;
          for (let c = 0; c < cols; c++) sum[c] = at(sum, c) + own * at(values.data, i * cols + c);
        });
        highest[q] = now;
        weights[q] = weight;
      });
    }
    return matrix(
      queries.rows,
      cols,
      Float32Array.from(sums, (sum, i) => sum / at(weights, Math.floor(i / cols))),
    );
  }

  async scores(queries: Matrix): Promise<Matrix> {
    const out = new Float32Array(queries.rows * this.#keys.rows);
    for await (const { start, scores } of this.#tiles(queries))
      scores.forEach((row, q) => out.set(row, q * this.#keys.rows + start));
    return matrix(queries.rows, this.#keys.rows, out);
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1) {
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    }
    const best = Array.from({ length: queries.rows }, (): { readonly score: number; readonly index: number }[] => []);
    for await (const { start, scores } of this.#tiles(queries)) {
      scores.forEach((row, q) => {
        if (row.some(Number.isNaN)) {
          throw new FreebindError('FREEBIND_NUMBER_INVALID', `A score of query ${q} is NaN, and cannot be ranked.`);
        }
        // Sorting is stable, so of equal scores the lower index stays in front.
        const both = [...(best[q] ?? []), ...Array.from(row, (score, i) => ({ score, index: start + i }))];
        best[q] = both.sort((a, b) => b.score - a.score).slice(0, k);
      });
    }
    const ranked = best.flat();
    return {
      indices: Int32Array.from(ranked, ({ index }) => index),
      scores: matrix(
        queries.rows,
        Math.min(k, this.#keys.rows),
        Float32Array.from(ranked, ({ score }) => score),
      ),
    };
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }

  /** Tiles of the keys, from row `start`, with the scores of each query against them. */
  async *#tiles(
    queries: Matrix,
  ): AsyncGenerator<{ readonly start: number; readonly keys: Matrix; readonly scores: readonly Float64Array[] }> {
    this.#lifetime.check();
    const { cols, rows } = this.#keys;
    if (queries.cols !== cols) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Queries of ${queries.cols} columns were given to a bank whose keys have ${cols}.`,
      );
    }
    for (let start = 0; start < rows; start += TILE) {
      const keys = await this.#keys.read(start, Math.min(start + TILE, rows));
      this.#lifetime.check();
      const scores = Array.from({ length: queries.rows }, (_, q) => {
        const query = queries.data.subarray(q * cols, (q + 1) * cols);
        return Float64Array.from({ length: keys.rows }, (_, i) => dot(keys.data, query, i * cols));
      });
      yield { start, keys, scores };
    }
  }
}
