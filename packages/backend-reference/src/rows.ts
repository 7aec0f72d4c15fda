import { type Matrix, matrix } from '@freebind/core';

/** Rows in float64, in which everything here is computed. */
export type Rows = Matrix & { readonly data: Float64Array };

/** How numbers are kept: `Math.fround` where the backend's precision is float32, the identity where it is float64. */
export type Store = (x: number) => number;

/** Zeros [rows, cols]. */
export function zeros(rows: number, cols: number): Rows {
  return matrix(rows, cols, new Float64Array(rows * cols));
}

/** A float64 copy, so that nothing here can write to a caller's matrix. */
export function copyRows({ rows, cols, data }: Matrix): Rows {
  return matrix(rows, cols, Float64Array.from(data));
}

/** What the backend returns for `rows`, in its precision. */
export function asReturned(rows: Rows, precision: 'float32' | 'float64'): Matrix {
  return precision === 'float64' ? rows : matrix(rows.rows, rows.cols, Float32Array.from(rows.data));
}

/** aᵀ: [n, m] → [m, n]. */
export function transpose(a: Rows): Rows {
  const out = zeros(a.cols, a.rows);
  for (let r = 0; r < a.rows; r++)
    for (let c = 0; c < a.cols; c++) out.data[c * a.rows + r] = a.data[r * a.cols + c] ?? 0;
  return out;
}

/**
 * a · bᵀ: [n, k] · [m, k] → [n, m], the product of every row of `a` with every row of `b`. Two rows by four at a time, so that
 * each number that is read serves several products: several times as fast as one product after another.
 */
export function timesTransposed(a: Rows, b: Rows): Rows {
  const { rows: n, cols: k, data: x } = a;
  const { rows: m, data: y } = b;
  const out = zeros(n, m);
  const [evenRows, evenCols] = [n - (n % 2), m - (m % 4)];
  for (let i = 0; i < evenRows; i += 2) {
    for (let j = 0; j < evenCols; j += 4) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let t0 = 0;
      let t1 = 0;
      let t2 = 0;
      let t3 = 0;
      for (let p = 0; p < k; p++) {
        const u = x[i * k + p] ?? 0;
        const v = x[i * k + k + p] ?? 0;
        const w0 = y[j * k + p] ?? 0;
        const w1 = y[j * k + k + p] ?? 0;
        const w2 = y[j * k + 2 * k + p] ?? 0;
        const w3 = y[j * k + 3 * k + p] ?? 0;
        s0 += u * w0;
        s1 += u * w1;
        s2 += u * w2;
        s3 += u * w3;
        t0 += v * w0;
        t1 += v * w1;
        t2 += v * w2;
        t3 += v * w3;
      }
      out.data.set([s0, s1, s2, s3], i * m + j);
      out.data.set([t0, t1, t2, t3], i * m + m + j);
    }
  }
  // What the blocks left over, summed in the same order, so that a row's numbers do not depend on its company.
  for (let i = 0; i < n; i++) {
    for (let j = i < evenRows ? evenCols : 0; j < m; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (x[i * k + p] ?? 0) * (y[j * k + p] ?? 0);
      out.data[i * m + j] = sum;
    }
  }
  return out;
}

/** target += factor · source, entry by entry. */
export function addTo(target: Float64Array, source: Float64Array, factor = 1): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + factor * (source[i] ?? 0);
}
