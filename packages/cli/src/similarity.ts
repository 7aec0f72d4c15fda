import type { Matrix } from '@freebind/core';

/** Cosines of unit rows [n, d] with unit rows [m, d], summed in float64: n lists of m numbers. */
export function cosinesOf(rows: Matrix, columns: Matrix): readonly (readonly number[])[] {
  return Array.from({ length: rows.rows }, (_, r) =>
    Array.from({ length: columns.rows }, (_, c) => {
      let sum = 0;
      for (let k = 0; k < rows.cols; k++)
        sum += (rows.data[r * rows.cols + k] ?? 0) * (columns.data[c * rows.cols + k] ?? 0);
      return sum;
    }),
  );
}

/** softmax(scores / temperature) of every list, in float64: numbers of (0, 1] that sum to one. */
export function softmaxOf(scores: readonly (readonly number[])[], temperature: number): readonly (readonly number[])[] {
  return scores.map((row) => {
    const highest = Math.max(...row);
    const powers = row.map((score) => Math.exp((score - highest) / temperature));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  });
}
