import { expect, test } from 'vitest';
import { random } from '../random.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** A random symmetric matrix, row-major [n, n]. */
function symmetric(n: number): Float64Array {
  const from = random('symmetric', n);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = from.normal();
  return a;
}

test.each([1, 2, 7, 40])('solves A·v = λ·v with orthonormal vectors and falling values, n = %i', (n) => {
  const a = symmetric(n);
  const { values, vectors } = symmetricEigen(a, n);
  let residual = 0;
  let skew = 0;
  for (let k = 0; k < n; k++) {
    const v = vectors.subarray(k * n, k * n + n);
    for (let i = 0; i < n; i++) {
      let image = 0;
      for (let j = 0; j < n; j++) image += (a[i * n + j] ?? 0) * (v[j] ?? 0);
      residual = Math.max(residual, Math.abs(image - (values[k] ?? 0) * (v[i] ?? 0)));
    }
    for (let l = 0; l < n; l++) {
      let dot = 0;
      for (let i = 0; i < n; i++) dot += (v[i] ?? 0) * (vectors[l * n + i] ?? 0);
      skew = Math.max(skew, Math.abs(dot - (k === l ? 1 : 0)));
    }
  }
  // Jacobi is backward stable: errors of a few n·ε·‖A‖, and ‖A‖ is below 20 here.
  expect(residual).toBeLessThan(n * 1e-14 * 20);
  expect(skew).toBeLessThan(n * 1e-14);
  expect([...values]).toEqual([...values].sort((x, y) => y - x));
});

test('keeps a diagonal matrix exactly, in falling order', () => {
  const { values, vectors } = symmetricEigen(Float64Array.of(1, 0, 0, 0, 3, 0, 0, 0, 2), 3);
  expect([...values]).toEqual([3, 2, 1]);
  expect([...vectors]).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0]);
});

test('refuses NaN', () => {
  expect(() => symmetricEigen(Float64Array.of(1, NaN, NaN, 1), 2)).toThrow(/NaN or Inf/);
});
