import { expect, test } from 'vitest';
import { gatherRows, matrix, normaliseRows } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { diverseSubset, uniformSubset } from './subset.ts';

type Points = ReturnType<typeof normalMatrix>;

/** det of the kernel (x̂x̂ᵀ + 1)² over `rows`, by Gaussian elimination with pivots: the oracle shares no code with the subject. */
function volume(points: Points, rows: readonly number[]): number {
  const unit = normaliseRows(matrix(points.rows, points.cols, Float64Array.from(points.data)));
  const a = rows.map((i) =>
    rows.map((j) => {
      let dot = 1;
      for (let c = 0; c < unit.cols; c++)
        dot += (unit.data[i * unit.cols + c] ?? 0) * (unit.data[j * unit.cols + c] ?? 0);
      return dot * dot;
    }),
  );
  let det = 1;
  for (let p = 0; p < a.length; p++) {
    const best = a.slice(p).reduce((at, row, i) => (Math.abs(row[p] ?? 0) > Math.abs(a[at]?.[p] ?? 0) ? p + i : at), p);
    const pivot = a[best] ?? [];
    if (best !== p) {
      a[best] = a[p] ?? [];
      a[p] = pivot;
      det = -det;
    }
    det *= pivot[p] ?? 0;
    for (const row of a.slice(p + 1)) {
      const factor = (row[p] ?? 0) / (pivot[p] ?? 1);
      for (let c = p; c < a.length; c++) row[c] = (row[c] ?? 0) - factor * (pivot[c] ?? 0);
    }
  }
  return det;
}

function naiveGreedy(points: Points, size: number): readonly number[] {
  const picked: number[] = [];
  while (picked.length < size) {
    const rest = Array.from({ length: points.rows }, (_, i) => i).filter((i) => !picked.includes(i));
    const volumes = rest.map((i) => volume(points, [...picked, i]));
    // Every first pick has volume 4 up to rounding: a tie, which goes to the lower index.
    const highest = Math.max(...volumes) * (1 - 1e-12);
    picked.push(rest[volumes.findIndex((v) => v >= highest)] ?? -1);
  }
  return picked;
}

test.each([0, 1, 2, 3])('picks what a naive greedy search over determinants picks (seed %i)', (seed) => {
  const points = normalMatrix(30, 6, random('subset test', seed));
  expect([...diverseSubset(points, 9)]).toEqual(naiveGreedy(points, 9));
});

test('spans more volume than a uniform subset of the same size', () => {
  const points = normalMatrix(60, 4, random('spread'));
  const diverse = volume(points, [...diverseSubset(points, 8)]);
  for (const seed of [0, 1, 2]) expect(diverse).toBeGreaterThan(volume(points, [...uniformSubset(60, 8, seed)]));
});

test('leaves copies of picked rows for last and still gives as many rows as asked, each once', () => {
  const three = normalMatrix(3, 5, random('copies'));
  const points = gatherRows(three, [0, 0, 1, 1, 2, 2]);
  const picked = [...diverseSubset(points, 6)];
  expect(new Set(picked.slice(0, 3).map((i) => Math.floor(i / 2))).size).toBe(3);
  expect([...picked].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a uniform subset is seeded, has no row twice and stays in range', () => {
  const subset = uniformSubset(100, 40, 7);
  expect(subset).toEqual(uniformSubset(100, 40, 7));
  expect(subset).not.toEqual(uniformSubset(100, 40, 8));
  expect(new Set(subset).size).toBe(40);
  expect(Math.max(...subset)).toBeLessThan(100);
});

test.each([0, 4, 1.5])('refuses a subset of %d of 3 rows', (size) => {
  expect(() => diverseSubset(normalMatrix(3, 2, random('bad')), size)).toThrow(/from 1 to 3/);
  expect(() => uniformSubset(3, size, 0)).toThrow(/from 1 to 3/);
});
