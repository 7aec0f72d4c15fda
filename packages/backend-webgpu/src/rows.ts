/** Rows of float32 (or 32-bit integers) on the device, row after row: a piece of a buffer that one binding covers. */
export interface Rows {
  readonly buffer: GPUBuffer;
  /** In bytes, a multiple of `ALIGNMENT`. */
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
}

/** Bindings start at multiples of this many bytes: the standard's default `minStorageBufferOffsetAlignment`. */
export const ALIGNMENT = 256;

/** A piece of rows may start at a multiple of this many rows, whatever their width. */
export const ROW_ALIGNMENT = ALIGNMENT / 4;

/** Bytes of one number. */
export const NUMBER = 4;

/** Bytes that rows take in a buffer that holds more behind them. */
export function alignedBytes(numbers: number): number {
  return Math.max(1, Math.ceil((numbers * NUMBER) / ALIGNMENT)) * ALIGNMENT;
}

/** Rows `start` to `end` (exclusive) as a view. `start` is a multiple of `ROW_ALIGNMENT`. */
export function sliceOf(rows: Rows, start: number, end: number): Rows {
  return { ...rows, offset: rows.offset + start * rows.cols * NUMBER, rows: end - start };
}

/** Numbers that rows hold. */
export function countOf({ rows, cols }: Rows): number {
  return rows * cols;
}
