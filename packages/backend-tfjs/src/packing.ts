import { type Matrix, matrix, type Reals, type Table } from '@freebind/core';
import type { Packed } from './worker-protocol.ts';

/** `count` rows from `start` on, copied as float32: the copy leaves this thread. */
export function packRows(rows: Matrix, start = 0, count = rows.rows - start): Packed {
  const part = rows.data.subarray(start * rows.cols, (start + count) * rows.cols);
  return { shape: [count, rows.cols], data: Float32Array.from(part) };
}

/** Rows of a table as float32, in memory that may leave this thread: that of `spare`, if they fit. */
export async function gatherOwn(
  table: Table,
  rows: Int32Array,
  spare?: Float32Array,
): Promise<Matrix & { readonly data: Float32Array }> {
  const size = rows.length * table.cols;
  const own = spare?.length === size ? spare : new Float32Array(size);
  const { data } = await table.gather(rows, own);
  return matrix(rows.length, table.cols, data === own ? own : Float32Array.from(data));
}

/** An array of the state, copied as float32. Without `data`, zeros. */
export function packArray(shape: readonly number[], data: Reals | undefined): Packed {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: data === undefined ? new Float32Array(size) : Float32Array.from(data) };
}

/** A number of shape []. */
export function packNumber(x: number): Packed {
  return { shape: [], data: Float32Array.of(x) };
}

/** Rows that a program gave. */
export function unpackRows(packed: Packed | undefined): Matrix & { readonly data: Float32Array } {
  const [rows = 0, cols = 0] = packed?.shape ?? [];
  return matrix(rows, cols, numbersOf(packed));
}

/** Programs give float32 but for indices, which have a name of their own. */
export function numbersOf(packed: Packed | undefined): Float32Array {
  return (packed?.data ?? new Float32Array(0)) as Float32Array;
}
