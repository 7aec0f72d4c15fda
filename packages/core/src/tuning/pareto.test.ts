import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { paretoFront } from './pareto.ts';

const identity = (values: readonly number[]): readonly number[] => values;
const dominates = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((value, v) => value >= (b[v] ?? 0)) && a.some((value, v) => value > (b[v] ?? 0));

test('keeps what no other beats, once', () => {
  const points = [[1, 1], [2, 0], [0, 2], [1, 1], [0, 1], [1, 0]]; // prettier-ignore
  expect(paretoFront(points, identity)).toEqual([[2, 0], [1, 1], [0, 2]]); // prettier-ignore
});

test('is of points that none dominates, beats all others, and has the best in every value', () => {
  // Few distinct values, so that points tie as recalls of a small validation set do.
  const point = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 40 }), (points) => {
      const front = paretoFront(points, identity);
      for (const kept of front) expect(points.some((other) => dominates(other, kept))).toBe(false);
      for (const left of points) {
        const covered = front.some((kept) => dominates(kept, left) || kept.join() === left.join());
        expect(covered).toBe(true);
      }
      for (const v of [0, 1, 2]) {
        const best = (of: readonly (readonly number[])[]): number => Math.max(...of.map((values) => values[v] ?? 0));
        expect(best(front)).toBe(best(points));
      }
    }),
  );
});
