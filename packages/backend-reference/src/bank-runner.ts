import {
  type BankRunner,
  checkAggregationTemperature,
  FreebindError,
  type Matrix,
  matrix,
  type Table,
} from '@freebind/core';
import type { Lifetime } from './lifetime.ts';
import { asReturned, copyRows, type Rows, timesTransposed, zeros } from './rows.ts';

/** Rows of the bank that are in memory at once. */
const TILE = 1024;

/** A memory bank that is read from its tables in tiles, so its size is bounded by the disk. */
export class ReferenceBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #values: Table | undefined;
  readonly #precision: 'float32' | 'float64';
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  constructor(
    { keys, values }: { readonly keys: Table; readonly values?: Table },
    precision: 'float32' | 'float64',
    lifetime: Lifetime,
  ) {
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
    this.#precision = precision;
    this.#lifetime = lifetime;
  }

  /**
   * A softmax over a bank that is never whole: each query keeps the highest score m seen, s = Σ exp((score − m)/τ) and
   * o = Σ exp((score − m)/τ) · value. When a tile raises m, both are scaled by exp((old m − m)/τ); the answer is o / s.
   * (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"; FlashAttention, algorithm 1.)
   */
  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    checkAggregationTemperature(temperature);
    const cols = (this.#values ?? this.#keys).cols;
    const out = zeros(queries.rows, cols);
    const maxima = new Float64Array(queries.rows).fill(-Infinity);
    const sums = new Float64Array(queries.rows);
    for await (const { start, keys, scores } of this.#tiles(queries)) {
      const values = this.#values === undefined ? keys : await this.#values.read(start, start + keys.rows);
      for (let q = 0; q < queries.rows; q++) {
        const row = scores.data.subarray(q * scores.cols, (q + 1) * scores.cols);
        const into = out.data.subarray(q * cols, (q + 1) * cols);
        const before = maxima[q] ?? 0;
        const max = row.reduce((a, b) => Math.max(a, b), before);
        const rescale = max === before ? 1 : Math.exp((before - max) / temperature);
        let total = (sums[q] ?? 0) * rescale;
        for (let c = 0; c < cols; c++) into[c] = (into[c] ?? 0) * rescale;
        for (let j = 0; j < row.length; j++) {
          const weight = Math.exp(((row[j] ?? 0) - max) / temperature);
          total += weight;
          for (let c = 0; c < cols; c++) into[c] = (into[c] ?? 0) + weight * (values.data[j * cols + c] ?? 0);
        }
        maxima[q] = max;
        sums[q] = total;
      }
    }
    for (let i = 0; i < out.data.length; i++) out.data[i] = (out.data[i] ?? 0) / (sums[Math.floor(i / cols)] ?? 0);
    return asReturned(out, this.#precision);
  }

  async scores(queries: Matrix): Promise<Matrix> {
    const out = zeros(queries.rows, this.#keys.rows);
    for await (const { start, scores } of this.#tiles(queries)) {
      for (let q = 0; q < queries.rows; q++)
        out.data.set(scores.data.subarray(q * scores.cols, (q + 1) * scores.cols), q * out.cols + start);
    }
    return asReturned(out, this.#precision);
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1) {
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    }
    const best = Array.from({ length: queries.rows }, (): { score: number; index: number }[] => []);
    for await (const { start, scores } of this.#tiles(queries)) {
      best.forEach((ranking, q) => {
        for (let j = 0; j < scores.cols; j++) {
          const score = scores.data[q * scores.cols + j] ?? 0;
          if (Number.isNaN(score)) throw notANumber(q, start + j);
          if (ranking.length === k && !(score > (ranking[k - 1]?.score ?? 0))) continue;
          // Behind every equal score, so the lower index keeps its place.
          const place = ranking.findIndex((other) => score > other.score);
          ranking.splice(place === -1 ? ranking.length : place, 0, { score, index: start + j });
          ranking.length = Math.min(ranking.length, k);
        }
      });
    }
    const ranked = best.flat();
    const width = Math.min(k, this.#keys.rows);
    return {
      indices: Int32Array.from(ranked, ({ index }) => index),
      scores: asReturned(
        matrix(
          queries.rows,
          width,
          Float64Array.from(ranked, ({ score }) => score),
        ),
        this.#precision,
      ),
    };
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }

  /** One tile of the bank's keys after another, from row `start`, with all queries' scores against it, [n, keys.rows]. */
  async *#tiles(
    queries: Matrix,
  ): AsyncGenerator<{ readonly start: number; readonly keys: Rows; readonly scores: Rows }> {
    this.#lifetime.check();
    if (queries.cols !== this.#keys.cols) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Queries of ${queries.cols} columns were given to a bank whose keys have ${this.#keys.cols}.`,
      );
    }
    const rows = copyRows(queries);
    for (let start = 0; start < this.#keys.rows; start += TILE) {
      const end = Math.min(start + TILE, this.#keys.rows);
      const keys = copyRows(await this.#keys.read(start, end));
      this.#lifetime.check();
      yield { start, keys, scores: timesTransposed(rows, keys) };
    }
  }
}

/** NaN compares as false with everything, so a ranking with one would be silently wrong. */
function notANumber(query: number, key: number): FreebindError {
  return new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `The score of query ${query} against row ${key} of the bank is NaN; one of the two rows is damaged.`,
  );
}
