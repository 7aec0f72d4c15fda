import { FreebindError } from './errors.ts';

/** Real numbers in memory. Backends take either and return their manifest's `precision`. */
export type Reals = Float32Array | Float64Array;

/** Row-major matrix in memory: element (r, c) is `data[r * cols + c]`. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Reals;
}

/** A matrix over `data`, or of float32 zeros. @throws FREEBIND_SHAPE_MISMATCH when `data` is not rows × cols long */
export function matrix<Data extends Reals = Float32Array>(
  rows: number,
  cols: number,
  data?: Data,
): Matrix & { readonly data: Data } {
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(cols) || rows < 0 || cols < 0) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A matrix cannot have shape [${rows}, ${cols}]; both sides must be whole numbers of at least 0.`,
    );
  }
  // Without `data`, Data is its default, Float32Array.
  const filled = data ?? (new Float32Array(rows * cols) as Data);
  if (filled.length !== rows * cols) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A matrix of shape [${rows}, ${cols}] needs ${rows * cols} numbers, but ${filled.length} were given.`,
    );
  }
  return { rows, cols, data: filled };
}

/** Rows `start` to `end` (exclusive) as a view: nothing is copied. */
export function sliceRows(m: Matrix, start: number, end: number): Matrix {
  if (!(start >= 0 && start <= end && end <= m.rows)) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `Rows ${start} to ${end} are not within a matrix of ${m.rows} rows.`,
    );
  }
  return { rows: end - start, cols: m.cols, data: m.data.subarray(start * m.cols, end * m.cols) };
}

/** The largest ‖row‖₂; of no rows, 0. */
export function longestRow({ rows, cols, data }: Matrix): number {
  let largest = 0;
  for (let r = 0, at = 0; r < rows; r++) {
    let sum = 0;
    for (const end = at + cols; at < end; at++) {
      const x = data[at] ?? 0;
      sum += x * x;
    }
    if (!(sum <= largest)) largest = sum; // also when it is NaN
  }
  return Math.sqrt(largest);
}

/** The largest float32. */
const LARGEST_FLOAT32 = 2 ** 128 - 2 ** 104;

/**
 * The first row whose squares do not add up to what float32 holds (a length of 1.8e19), so that its variance is Inf and a product with
 * it may be; one with NaN or Inf in it is such a row. Undefined when there is none.
 */
export function findLongRow({ rows, cols, data }: Matrix): number | undefined {
  for (let r = 0, at = 0; r < rows; r++) {
    let sum = 0;
    for (const end = at + cols; at < end; at++) sum += (data[at] ?? 0) ** 2;
    if (!(sum <= LARGEST_FLOAT32)) return r;
  }
  return undefined;
}

/** Memory for `length` numbers of one precision: `into` if it is that, else new. */
export function memoryFor(length: number, double: false, into?: Reals): Float32Array;
export function memoryFor(length: number, double: true, into?: Reals): Float64Array;
export function memoryFor(length: number, double: boolean, into?: Reals): Reals;
export function memoryFor(length: number, double: boolean, into?: Reals): Reals {
  if (into?.length === length && into instanceof Float64Array === double) return into;
  return double ? new Float64Array(length) : new Float32Array(length);
}

/** The rows named by `indices`, copied in that order, into `into` if it has their length and precision; a row may be named more than once. */
export function gatherRows(m: Matrix, indices: ArrayLike<number>, into?: Reals): Matrix {
  const { cols } = m;
  const data = memoryFor(indices.length * cols, m.data instanceof Float64Array, into);
  for (let i = 0; i < indices.length; i++) {
    const r = indices[i] ?? -1;
    if (!(r >= 0 && r < m.rows)) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Row ${r} was asked for, but the matrix has rows 0 to ${m.rows - 1}.`,
      );
    }
    data.set(m.data.subarray(r * cols, (r + 1) * cols), i * cols);
  }
  return { rows: indices.length, cols, data };
}

/** Smallest norm a row is divided by: a zero row stays zero. PyTorch's `F.normalize` default, `eps=1e-12`. */
export const NORM_FLOOR = 1e-12;

/** Divides each row by its L2 norm, in place; norms are summed in float64. Zero rows stay zero. */
export function normaliseRows<M extends Matrix>(m: M): M {
  const { rows, cols, data } = m;
  for (let r = 0, at = 0; r < rows; r++, at += cols) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += (data[at + c] ?? 0) ** 2;
    const scale = 1 / Math.max(Math.sqrt(sum), NORM_FLOOR);
    for (let c = 0; c < cols; c++) data[at + c] = (data[at + c] ?? 0) * scale;
  }
  return m;
}

/** What is wrong with a row that should be finite and not zero, or undefined when all rows are good. */
export function findBadRow(
  m: Matrix,
): { readonly row: number; readonly problem: 'NaN' | 'Inf' | 'zero row' } | undefined {
  const { rows, cols, data } = m;
  for (let r = 0, at = 0; r < rows; r++, at += cols) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Math.abs(data[at + c] ?? 0);
    if (Number.isNaN(sum)) return { row: r, problem: 'NaN' };
    if (sum === Infinity) return { row: r, problem: 'Inf' };
    if (sum === 0 && cols > 0) return { row: r, problem: 'zero row' };
  }
  return undefined;
}
