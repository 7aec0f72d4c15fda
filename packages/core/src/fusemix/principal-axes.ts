import type { Backend } from '../backend.ts';
import { type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { type Eigen, symmetricEigen } from './symmetric-eigen.ts';

/** Extra axes that are iterated and dropped: they make the wanted ones converge (Halko, Martinsson and Tropp 2011, section 4.3). */
const OVERSAMPLING = 32;
/** Products with the covariance; each multiplies the error of an axis by the ratio of a dropped eigenvalue to its own. */
const ITERATIONS = 8;

/**
 * The `k` principal axes of centred rows: eigenvectors of their covariance [d, d] with the largest eigenvalues, rows of
 * `vectors` [k, d], and those eigenvalues, by randomised subspace iteration (Halko, Martinsson and Tropp, "Finding structure
 * with randomness", SIAM Review 2011, algorithm 4.4). The large products run on the backend, as scores of a bank: those of a
 * network a backend may compute with rounded factors. What is small, [k + 32, k + 32], is solved in float64.
 *
 * Memory is O(d²), whatever the number of rows; the rows are read once.
 */
export async function principalAxes(
  tiles: AsyncIterable<Matrix>,
  options: { readonly d: number; readonly k: number; readonly backend: Backend; readonly seed: number },
): Promise<Eigen> {
  const { d, k, backend, seed } = options;
  const width = Math.min(d, k + OVERSAMPLING);
  const covariance = await covarianceOf(tiles, d, backend);
  // Symmetric: its rows are its columns.
  const bank = await backend.openBank({ keys: tableOf(covariance) });
  try {
    let basis = orthonormalise(normalMatrix(width, d, random(seed, 'axes')), 2);
    // A full basis spans everything already.
    const iterations = width === d ? 0 : ITERATIONS;
    for (let i = 0; i < iterations; i++) basis = orthonormalise(await bank.scores(basis), i + 1 < iterations ? 1 : 2);
    // Rayleigh–Ritz: the best axes within the subspace are eigenvectors of basis · covariance · basisᵀ.
    const image = await bank.scores(basis);
    const { values, vectors } = symmetricEigen(products(image, basis), width);
    return { values: values.slice(0, k), vectors: combine(vectors, basis, k) };
  } finally {
    await bank.close();
  }
}

/** Σ xᵀx / n over the rows of all tiles; tiles are summed in float64. */
async function covarianceOf(tiles: AsyncIterable<Matrix>, d: number, backend: Backend): Promise<Matrix> {
  const sum = new Float64Array(d * d);
  let n = 0;
  for await (const tile of tiles) {
    n += tile.rows;
    // Columns as rows of a matrix of their own, which score themselves: every column with every other.
    const columns = transpose(tile);
    const bank = await backend.openBank({ keys: tableOf(columns) });
    try {
      const { data } = await bank.scores(columns);
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (data[i] ?? 0);
    } finally {
      await bank.close();
    }
  }
  return matrix(
    d,
    d,
    Float32Array.from(sum, (x) => x / Math.max(n, 1)),
  );
}

/**
 * Rows made orthonormal by modified Gram–Schmidt in float64; a row that the others span becomes zero. One pass is enough
 * between products, two make the rows orthogonal to rounding.
 */
function orthonormalise({ rows, cols, data }: Matrix, passes: 1 | 2): Matrix {
  const q = matrix(rows, cols, Float64Array.from(data));
  for (let i = 0; i < rows; i++) {
    const row = rowOf(q, i);
    const before = Math.sqrt(dot(row, row));
    for (let pass = 0; pass < passes; pass++) {
      for (let j = 0; j < i; j++) {
        const other = rowOf(q, j);
        const overlap = dot(row, other);
        for (let c = 0; c < cols; c++) row[c] = (row[c] ?? 0) - overlap * (other[c] ?? 0);
      }
    }
    const norm = Math.sqrt(dot(row, row));
    // What is left of a spanned row is rounding; as an axis it would be noise.
    const scale = norm > 1e-6 * before ? 1 / norm : 0;
    for (let c = 0; c < cols; c++) row[c] = (row[c] ?? 0) * scale;
  }
  return q;
}

/** a · bᵀ, made exactly symmetric: rounding aside it is. */
function products(a: Matrix, b: Matrix): Float64Array {
  const n = a.rows;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = (dot(rowOf(a, i), rowOf(b, j)) + dot(rowOf(a, j), rowOf(b, i))) / 2;
      out[i * n + j] = value;
      out[j * n + i] = value;
    }
  }
  return out;
}

/** The first `k` rows of vectors [n, n] · basis [n, d]. */
function combine(vectors: Float64Array, basis: Matrix, k: number): Float64Array {
  const { rows: n, cols: d, data } = basis;
  const out = new Float64Array(k * d);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < n; j++) {
      const weight = vectors[i * n + j] ?? 0;
      for (let c = 0; c < d; c++) out[i * d + c] = (out[i * d + c] ?? 0) + weight * (data[j * d + c] ?? 0);
    }
  }
  return out;
}

function rowOf({ cols, data }: Matrix, i: number): Matrix['data'] {
  return data.subarray(i * cols, (i + 1) * cols);
}

function dot(a: Matrix['data'], b: Matrix['data']): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function transpose({ rows, cols, data }: Matrix): Matrix {
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c] ?? 0;
  return { rows: cols, cols: rows, data: out };
}
