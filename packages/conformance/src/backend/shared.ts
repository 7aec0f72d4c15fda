import { type Backend, gatherRows, type Matrix, random } from '@freebind/core';
import { check } from '../check.ts';

/** A shuffled order of `n` rows, decided by nothing but `n`. */
export function rowOrder(n: number): { readonly indices: Int32Array; of(rows: Matrix): Matrix } {
  const indices = random('conformance order', n).permutation(n);
  return { indices, of: (rows) => gatherRows(rows, indices) };
}

/** @throws NotConforming unless what the backend returned has the precision that its manifest promises */
export function checkPrecision({ manifest }: Backend, { data }: Matrix): void {
  const found = data instanceof Float64Array ? 'float64' : 'float32';
  check(found === manifest.precision, `A result in ${found}, but the manifest promises ${manifest.precision}.`);
}
