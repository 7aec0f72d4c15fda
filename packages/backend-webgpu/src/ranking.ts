import { FreebindError, type Matrix } from '@freebind/core';

/** The best `width` of every query, query by query, best first; equal scores keep the lower index. */
export class Ranking {
  readonly width: number;
  readonly scores: Float32Array;
  readonly indices: Int32Array;

  constructor(queries: number, width: number) {
    this.width = width;
    this.scores = new Float32Array(queries * width);
    this.indices = new Int32Array(queries * width);
  }

  /**
   * Takes in the scores of a tile from row `start` of the bank, of queries from `first` on. Rows before `start` were taken in.
   * @throws FREEBIND_NUMBER_INVALID for NaN, which no order has a place for
   */
  merge({ rows, cols, data }: Matrix, first: number, start: number): void {
    const { width } = this;
    const known = Math.min(width, start);
    for (let r = 0; r < rows; r++) {
      const at = (first + r) * width;
      const row = data.subarray(r * cols, (r + 1) * cols);
      const nan = row.findIndex(Number.isNaN);
      if (nan >= 0) throw notANumber(first + r, start + nan);
      const order = Int32Array.from(row, (_, c) => c).sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b);
      const [scores, indices] = [this.scores.slice(at, at + known), this.indices.slice(at, at + known)];
      for (let to = 0, i = 0, j = 0; to < width && (i < known || j < cols); to++) {
        const next = row[order[j] ?? 0] ?? 0;
        // What is known comes from earlier rows, so it goes first where scores are equal.
        const isNext = i >= known || (j < cols && next > (scores[i] ?? 0));
        this.scores[at + to] = isNext ? next : (scores[i] ?? 0);
        this.indices[at + to] = isNext ? start + (order[j++] ?? 0) : (indices[i++] ?? 0);
      }
    }
  }
}

/** NaN compares as false with everything, so a ranking with one would be silently wrong. */
export function notANumber(query: number, key: number): FreebindError {
  return new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `The score of query ${query} against row ${key} of the bank is NaN; one of the two rows is damaged.`,
  );
}
