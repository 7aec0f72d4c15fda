import { FreebindError } from '../errors.ts';
import { type Matrix, normaliseRows } from '../matrix.ts';
import { random } from '../random.ts';

/** What is left of an item's volume below this is rounding, not diversity: kernels are at most (1 + 1)² = 4. */
const EXHAUSTED = 1e-10;

/**
 * Rows of a diverse training subset: the greedy maximum-a-posteriori sample of a k-DPP with kernel `(x̂·x̂ᵀ + 1)²`, x̂ the
 * unit rows of `latents` [n, d], in the order they were picked (FuseMix, section 6.2). Each pick adds the item that raises
 * the determinant of the picked kernel most; equal gains keep the lower index. O(k²·n + k·n·d) by incremental Cholesky rows
 * (Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process", NeurIPS 2018, algorithm 1), float64.
 * Once no item adds volume (copies of picked rows), the rest is picked in order of index.
 *
 * @throws FREEBIND_ARGUMENT_INVALID unless 1 ≤ size ≤ n
 */
export function diverseSubset(latents: Matrix, size: number): Int32Array {
  checkSize(size, latents.rows);
  const { rows: n, cols: d } = latents;
  const x = normaliseRows({ rows: n, cols: d, data: Float64Array.from(latents.data) }).data;
  /** Volume that each item would add: d²ᵢ of the paper, the last Cholesky diagonal squared; −∞ once picked. */
  const gain = Float64Array.from({ length: n }, (_, i) => Math.round(kernel(x, d, i, i))); // (1 + 1)², or 1 for a zero row
  const cholesky: Float64Array[] = [];
  const picked = new Int32Array(size);
  for (let k = 0; k < size; k++) {
    const best = argmax(gain);
    const volume = gain[best] ?? 0;
    picked[k] = best;
    gain[best] = -Infinity;
    if (volume === 0) continue;

    const own = cholesky.map((previous) => previous[best] ?? 0);
    const row = new Float64Array(n);
    for (let i = 0; i < n; i++) row[i] = kernel(x, d, best, i);
    cholesky.forEach((previous, j) => subtract(row, previous, own[j] ?? 0));
    for (let i = 0; i < n; i++) {
      row[i] = (row[i] ?? 0) / Math.sqrt(volume);
      const left = (gain[i] ?? 0) - (row[i] ?? 0) ** 2;
      gain[i] = left === -Infinity || left > EXHAUSTED ? left : 0;
    }
    cholesky.push(row);
  }
  return picked;
}

/**
 * Rows of a uniform training subset, the baseline of FuseMix's section 6.2, in random order.
 *
 * @throws FREEBIND_ARGUMENT_INVALID unless 1 ≤ size ≤ n
 */
export function uniformSubset(n: number, size: number, seed: number): Int32Array {
  checkSize(size, n);
  return random(seed, 'subset').permutation(n).slice(0, size);
}

/** (x̂ᵢ·x̂ⱼ + 1)²: degree 2 keeps the kernel of non-negative and negative cosines alike positive definite. */
function kernel(x: Float64Array, d: number, i: number, j: number): number {
  let dot = 1;
  for (let c = 0; c < d; c++) dot += (x[i * d + c] ?? 0) * (x[j * d + c] ?? 0);
  return dot * dot;
}

function subtract(row: Float64Array, previous: Float64Array, scale: number): void {
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) - scale * (previous[i] ?? 0);
}

function argmax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

function checkSize(size: number, n: number): void {
  if (Number.isSafeInteger(size) && size >= 1 && size <= n) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `A subset of ${size} rows was asked for, but there are ${n}; ask for a whole number from 1 to ${n}.`,
  );
}
