import { describe, expect, it } from 'vitest';
import { isFreebindError } from './errors.ts';
import { findBadRow, gatherRows, longestRow, matrix, normaliseRows, sliceRows } from './matrix.ts';

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return isFreebindError(error) ? error.code : 'another error';
  }
  return undefined;
};

describe('matrix', () => {
  it('refuses data that does not fill its shape', () => {
    expect(codeOf(() => matrix(2, 3, new Float32Array(5)))).toBe('FREEBIND_SHAPE_MISMATCH');
    expect(codeOf(() => matrix(-1, 3))).toBe('FREEBIND_SHAPE_MISMATCH');
    expect(codeOf(() => matrix(1.5, 2))).toBe('FREEBIND_SHAPE_MISMATCH');
  });

  it('slices rows as a view and gathers them as a copy', () => {
    const m = matrix(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6));
    const view = sliceRows(m, 1, 3);
    const copy = gatherRows(m, [2, 0, 2]);
    m.data[4] = 50;
    expect([...view.data]).toEqual([3, 4, 50, 6]);
    expect([...copy.data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect(codeOf(() => sliceRows(m, 2, 4))).toBe('FREEBIND_SHAPE_MISMATCH');
    expect(codeOf(() => gatherRows(m, [3]))).toBe('FREEBIND_SHAPE_MISMATCH');
  });

  it('keeps float64 rows in float64', () => {
    const m = matrix(1, 2, Float64Array.of(1 / 3, 2));
    expect(gatherRows(m, [0]).data).toBeInstanceOf(Float64Array);
  });

  it('normalises rows, keeps zero rows, and does not overflow in the sum of squares', () => {
    const m = normaliseRows(matrix(3, 2, Float32Array.of(3, 4, 0, 0, 3e38, 3e38)));
    const expected = [0.6, 0.8, 0, 0, Math.SQRT1_2, Math.SQRT1_2];
    // Norms are float64, so the only error is the last rounding to float32: half a unit of 2^-24.
    m.data.forEach((x, i) => expect(Math.abs(x - (expected[i] ?? NaN))).toBeLessThanOrEqual(2 ** -24));
  });

  it('finds the first row that is NaN, infinite or zero', () => {
    expect(findBadRow(matrix(2, 2, Float32Array.of(1, 0, 0, -1)))).toBeUndefined();
    expect(findBadRow(matrix(2, 2, Float32Array.of(1, 0, NaN, -1)))).toEqual({ row: 1, problem: 'NaN' });
    expect(findBadRow(matrix(2, 2, Float32Array.of(1, -Infinity, 0, -1)))).toEqual({ row: 0, problem: 'Inf' });
    expect(findBadRow(matrix(2, 2, Float32Array.of(1, 1, 0, 0)))).toEqual({ row: 1, problem: 'zero row' });
    expect(findBadRow(matrix(0, 2))).toBeUndefined();
  });
});

describe('longestRow', () => {
  it('is the length of the longest, and 0 of none', () => {
    expect(longestRow(matrix(3, 2, Float32Array.of(1, 0, -3, 4, 0, 2)))).toBe(5);
    expect(longestRow(matrix(0, 2))).toBe(0);
  });
});
