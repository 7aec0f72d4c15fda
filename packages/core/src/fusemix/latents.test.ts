import { ReferenceBackend } from '@freebind/backend-reference';
import { expect, test } from 'vitest';
import { type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { fitLatents, type LatentPreparation } from './latents.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

const N = 300;
const D = 60;

/** Rows whose columns have falling spreads and means of their own, turned, so that axes are not columns. */
function features(): Matrix {
  const x = normalMatrix(N, D, random('latents', 'x'));
  const turn = normalMatrix(D, D, random('latents', 'turn'));
  const out = matrix(N, D);
  for (let r = 0; r < N; r++) {
    for (let c = 0; c < D; c++) {
      let sum = 3 * Math.sin(c);
      for (let j = 0; j < D; j++) sum += (x.data[r * D + j] ?? 0) * 0.8 ** j * (turn.data[j * D + c] ?? 0);
      out.data[r * D + c] = sum;
    }
  }
  return out;
}

async function prepare(rows: Matrix, how: LatentPreparation): Promise<Matrix> {
  const backend = new ReferenceBackend();
  const network = await fitLatents(tableOf(rows, 'x.npy'), how, { backend, seed: 0 });
  if (network === undefined) return rows;
  const runner = await backend.openProjector([network]);
  return runner.project(rows);
}

/** Mean and covariance of columns, in float64. */
function moments({ rows, cols, data }: Matrix): { readonly mean: number[]; readonly covariance: Float64Array } {
  const column = (c: number): number[] => Array.from({ length: rows }, (_, r) => data[r * cols + c] ?? 0);
  const mean = Array.from({ length: cols }, (_, c) => column(c).reduce((a, b) => a + b, 0) / rows);
  const covariance = new Float64Array(cols * cols);
  for (let i = 0; i < cols; i++) {
    for (let j = 0; j < cols; j++) {
      let sum = 0;
      for (let r = 0; r < rows; r++)
        sum += ((data[r * cols + i] ?? 0) - (mean[i] ?? 0)) * ((data[r * cols + j] ?? 0) - (mean[j] ?? 0));
      covariance[i * cols + j] = sum / rows;
    }
  }
  return { mean, covariance };
}

const diagonal = (m: Float64Array, n: number): number[] => Array.from({ length: n }, (_, i) => m[i * n + i] ?? 0);

test('standardising gives columns of mean 0 and variance 1, and a constant column stays 0', async () => {
  const x = features();
  for (let r = 0; r < N; r++) x.data[r * D + 5] = 7;
  const { mean, covariance } = moments(await prepare(x, { standardise: true }));
  // float32 weights, biases and inputs: relative errors near 1e-6 on values up to 10.
  expect(Math.max(...mean.map(Math.abs))).toBeLessThan(1e-5);
  expect(diagonal(covariance, D)).toEqual(Array.from({ length: D }, (_, i) => expect.closeTo(i === 5 ? 0 : 1, 4)));
});

test('reducing keeps as much variance as a full eigendecomposition says is possible, along uncorrelated axes', async () => {
  const x = features();
  const k = 8;
  const best = symmetricEigen(moments(x).covariance, D).values.slice(0, k);
  const { mean, covariance } = moments(await prepare(x, { reduce: k }));
  const largest = best[0] ?? 1;
  expect(Math.max(...mean.map(Math.abs))).toBeLessThan(1e-4);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      // Products in float32: errors of some 2⁻²⁴ of the largest eigenvalue, times √d.
      expect(Math.abs((covariance[i * k + j] ?? 0) - (i === j ? (best[i] ?? 0) : 0))).toBeLessThan(1e-5 * largest);
    }
  }
});

test('whitening gives every component unit variance', async () => {
  const { covariance } = moments(await prepare(features(), { standardise: true, reduce: 6, whiten: true }));
  for (let i = 0; i < 6; i++) for (let j = 0; j < 6; j++) expect(covariance[i * 6 + j]).toBeCloseTo(i === j ? 1 : 0, 3);
});

test('rows with fewer items than axes keep what variance there is', async () => {
  const few = matrix(5, D, features().data.slice(0, 5 * D));
  const { covariance } = moments(await prepare(few, { reduce: 10 }));
  const total = diagonal(moments(few).covariance, D).reduce((a, b) => a + b, 0);
  expect(diagonal(covariance, 10).reduce((a, b) => a + b, 0)).toBeCloseTo(total, 2);
});

test('equal seeds give equal layers, and tiles do not change them', async () => {
  const backend = new ReferenceBackend();
  const fit = () => fitLatents(tableOf(features()), { reduce: 4 }, { backend, seed: 3 });
  expect(await fit()).toEqual(await fit());
});

test('nothing to prepare gives no layer', async () => {
  const fit = fitLatents(tableOf(features()), { reduce: D }, { backend: new ReferenceBackend(), seed: 0 });
  expect(await fit).toBeUndefined();
});

test('NaN is refused with its row, and so is a reduction to nothing', async () => {
  const x = features();
  x.data[4 * D] = NaN;
  await expect(prepare(x, { standardise: true })).rejects.toThrow(/Row 4 of x\.npy holds NaN/);
  await expect(prepare(x, { reduce: 0 })).rejects.toThrow(/reduced to 0 columns/);
});
