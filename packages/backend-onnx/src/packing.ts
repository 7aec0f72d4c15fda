import { type Matrix, matrix, type Reals } from '@freebind/core';
import type { Packed } from './session-protocol.ts';
import type { Stored } from './widths.ts';

/**
 * `count` rows from row `start` on as float32 and padded with zeros to `width` columns; over `spent`, a buffer of an
 * earlier call whose padding is zero already, where it fits. Rows that lie there already stay as they are.
 */
export function packRows(
  rows: Matrix,
  start = 0,
  count = rows.rows,
  width = rows.cols,
  spent?: Packed['data'],
): Packed & { readonly data: Float32Array } {
  const size = count * width;
  const data = spent instanceof Float32Array && spent.length === size ? spent : new Float32Array(size);
  if (data !== rows.data)
    copyColumns(rows.data.subarray(start * rows.cols, (start + count) * rows.cols), rows.cols, data, width);
  return { type: 'float32', dims: [count, width], data };
}

/** A number of shape []. */
export function packNumber(x: number): Packed {
  return { type: 'float32', dims: [], data: Float32Array.of(x) };
}

/** The first `cols` columns of what a graph gave. */
export function unpackRows(
  { dims: [rows = 0, width = 0], data }: Packed,
  cols = width,
): Matrix & { data: Float32Array } {
  // Graphs of freebind give rows as float32.
  const floats = data as Float32Array;
  if (cols === width) return matrix(rows, cols, floats);
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) out.set(floats.subarray(r * width, r * width + cols), r * cols);
  return matrix(rows, cols, out);
}

/** An array of the state as a graph keeps it. Without `data`, zeros. */
export function packArray(
  data: Reals | undefined,
  shape: readonly number[],
  { dims, transposed }: Stored,
): Packed & { readonly data: Float32Array } {
  const [cols = 1, width = 1] = [shape.at(-1), dims.at(-1)];
  const out = new Float32Array(dims.reduce((a, b) => a * b, 1));
  if (data !== undefined && transposed) eachOf(data.length, cols, width, (i, j) => (out[j] = data[i] ?? 0));
  else if (data !== undefined) copyColumns(data, cols, out, width);
  return { type: 'float32', dims, data: out };
}

/** The array that `packArray` packed. */
export function unpackArray({ data }: Packed, shape: readonly number[], { dims, transposed }: Stored): Float32Array {
  const [cols = 1, width = 1] = [shape.at(-1), dims.at(-1)];
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  // Graphs of freebind keep their state as float32.
  const from = data as Float32Array;
  if (transposed) eachOf(out.length, cols, width, (i, j) => (out[i] = from[j] ?? 0));
  else if (cols === width) out.set(from.subarray(0, out.length));
  else for (let at = 0, row = 0; at < out.length; at += cols, row += width) out.set(from.subarray(row, row + cols), at);
  return out;
}

/** Every number i of an array of `cols` columns with its place j in the transpose, whose rows are `width` long. */
function eachOf(count: number, cols: number, width: number, use: (i: number, j: number) => void): void {
  for (let i = 0; i < count; i++) use(i, (i % cols) * width + Math.floor(i / cols));
}

function copyColumns(from: Reals, cols: number, to: Float32Array, width: number): void {
  if (cols === width) return to.set(from);
  for (let at = 0, row = 0; at < from.length; at += cols, row += width) to.set(from.subarray(at, at + cols), row);
}
