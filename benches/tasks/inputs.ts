import { type Matrix, normalMatrix, normaliseRows, random } from '@freebind/core';

/** Random unit rows, the same for the same name. */
export function unitRowsOf(rows: number, cols: number, name: string): Matrix {
  return normaliseRows(normalMatrix(rows, cols, random('bench', name)));
}

/** `batch` of `items` row numbers, another draw for every step. */
export function draw(items: number, batch: number, step: number): Int32Array {
  return random('bench', 'order', step).permutation(items).slice(0, batch);
}
