import { FreebindError } from '../errors.ts';

/** Eigenvalues in falling order; row i of `vectors` [n, n] is the unit eigenvector of value i. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** Cyclic Jacobi converges quadratically; well-behaved matrices take 6 to 10 sweeps (Golub and Van Loan, section 8.5). */
const MAX_SWEEPS = 60;

/**
 * Every eigenpair of a symmetric matrix, row-major [n, n], in float64 by cyclic Jacobi rotations; O(n³) a sweep, so for
 * n of a few hundred. The sign of each vector makes its largest entry positive, so equal input gives equal output.
 *
 * @throws FREEBIND_NUMBER_INVALID when the matrix holds NaN or Inf
 */
export function symmetricEigen(symmetric: Float64Array, n: number): Eigen {
  if (symmetric.some((x) => !Number.isFinite(x)))
    throw new FreebindError(
      'FREEBIND_NUMBER_INVALID',
      'A covariance holds NaN or Inf; check the tables it was computed from.',
    );
  const a = symmetric.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;

  const total = norm(a);
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(a, n) > 1e-15 * total; sweep++) {
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }

  const order = Array.from({ length: n }, (_, i) => i).sort(
    (i, j) => (a[j * n + j] ?? 0) - (a[i * n + i] ?? 0) || i - j,
  );
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => vectors.set(orient(v.subarray(from * n, from * n + n)), to * n));
  return { values: Float64Array.from(order, (i) => a[i * n + i] ?? 0), vectors };
}

/** One rotation that brings a[p, q] to zero; `v` keeps eigenvectors as rows, so that its updates run along memory. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q] ?? 0;
  if (apq === 0) return;
  const theta = ((a[q * n + q] ?? 0) - (a[p * n + p] ?? 0)) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(t, 1);
  const sine = t * cosine;
  turn(a, p * n, q * n, 1, n, cosine, sine);
  turn(a, p, q, n, n, cosine, sine);
  turn(v, p * n, q * n, 1, n, cosine, sine);
}

/** [x, y] ← [c·x − s·y, s·x + c·y] for two rows or columns that start at `x` and `y`. */
function turn(m: Float64Array, x: number, y: number, stride: number, n: number, c: number, s: number): void {
  for (let i = 0, at = x, to = y; i < n; i++, at += stride, to += stride) {
    const left = m[at] ?? 0;
    const right = m[to] ?? 0;
    m[at] = c * left - s * right;
    m[to] = s * left + c * right;
  }
}

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) sum += (a[i * n + j] ?? 0) ** 2;
  return Math.sqrt(sum);
}

function norm(a: Float64Array): number {
  return Math.sqrt(a.reduce((sum, x) => sum + x * x, 0));
}

function orient(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? vector.map((x) => -x) : vector;
}
