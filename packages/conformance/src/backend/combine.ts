import { type Backend, matrix } from '@freebind/core';
import * as fc from 'fast-check';
import type { ConformanceCase } from '../case.ts';
import { checkClose, checkIdentical, checkRejects, checkShape } from '../check.ts';
import { inFloat64, unitRows } from '../data.ts';
import { naiveCombine, rowsIn } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';
import { checkPrecision } from './shared.ts';

/** Requirements of `combine`. */
export const combineCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'combines one part to itself, normalised',
    async run(backend) {
      const out = await backend.combine([{ rows: matrix(1, 2, Float32Array.of(3, 4)), factor: 0.5 }]);
      checkPrecision(backend, out);
      checkClose(out.data, [0.6, 0.8], tolerancesOf(backend.manifest).unit, 'the combination');
    },
  },
  {
    name: 'weighs any number of parts by their factors and normalises the sum',
    because: 'z = normalise(σ · ψ(expert) + (1 − σ) · unified); factors need not sum to one',
    async run(backend) {
      const shape = fc.record({
        rows: fc.integer({ min: 0, max: 6 }),
        cols: fc.integer({ min: 3, max: 9 }),
        factors: fc.array(fc.constantFrom(0.1, 0.2, 0.5, 0.8, 1, 3), { minLength: 1, maxLength: 4 }),
        seed: fc.nat(1000),
      });
      await fc.assert(
        fc.asyncProperty(shape, async ({ rows, cols, factors, seed }) => {
          const parts = factors.map((factor, i) => ({ rows: unitRows(rows, cols, `${seed} ${i}`), factor }));
          const out = await backend.combine(parts);
          checkShape(out, rows, cols, 'the combination');
          const expected = Array.from({ length: rows }, (_, r) =>
            naiveCombine(parts.map((part) => ({ row: rowsIn(part.rows)[r] ?? [], factor: part.factor }))),
          );
          // Random rows of 3 columns and more seldom cancel below a tenth of their length, which would magnify the error.
          checkClose(out.data, expected.flat(), 10 * tolerancesOf(backend.manifest).unit, 'the combination');
        }),
        { seed: 4, numRuns: 15 },
      );
    },
  },
  {
    name: 'leaves a part of factor 0 out and keeps zero rows zero',
    because: 'rows are divided by max(‖x‖, 1e-12), as F.normalize',
    async run(backend) {
      const [one, other] = [unitRows(3, 5, 'kept'), unitRows(3, 5, 'left out')];
      const out = await backend.combine([
        { rows: one, factor: 1 },
        { rows: other, factor: 0 },
      ]);
      checkClose(out.data, one.data, 2 * tolerancesOf(backend.manifest).unit + 2 ** -24, 'one part of two');
      const zero = await backend.combine([{ rows: matrix(2, 3), factor: 1 }]);
      checkClose(zero.data, new Float64Array(6), 0, 'the combination of zero rows');
    },
  },
  {
    name: 'gives nothing but NaN for a row with NaN, and leaves the others whole',
    because:
      'a norm of NaN is no small norm: max(NaN, 1e-12) is 1e-12 in some shading languages, and makes finite numbers of damage',
    async run(backend) {
      const rows = unitRows(3, 5, 'damaged');
      rows.data[7] = Number.NaN;
      const out = await backend.combine([{ rows, factor: 1 }]);
      const finite = Array.from(out.data, (x) => (Number.isNaN(x) ? 0 : 1));
      checkClose(finite, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 0, 'numbers that are not NaN');
    },
  },
  {
    name: 'takes parts of either precision and does not write to them',
    async run(backend) {
      const [one, other] = [unitRows(3, 5, 'either'), inFloat64(unitRows(3, 5, 'other'))];
      const before = [one.data.slice(), other.data.slice()];
      const out = await backend.combine([
        { rows: one, factor: 0.5 },
        { rows: other, factor: 0.5 },
      ]);
      const expected = rowsIn(one).flatMap((row, r) =>
        naiveCombine([
          { row, factor: 0.5 },
          { row: rowsIn(other)[r] ?? [], factor: 0.5 },
        ]),
      );
      checkClose(out.data, expected, 4 * tolerancesOf(backend.manifest).unit, 'the combination');
      checkIdentical(one.data, before[0] ?? one.data, 'the first part');
      checkIdentical(other.data, before[1] ?? other.data, 'the second part');
    },
  },
  {
    name: 'refuses no parts and parts of different shapes',
    async run(backend) {
      const code = 'FREEBIND_SHAPE_MISMATCH';
      await checkRejects(() => backend.combine([]), code, 'no parts');
      const parts = [matrix(2, 3), matrix(2, 4)].map((rows) => ({ rows, factor: 1 }));
      await checkRejects(() => backend.combine(parts), code, 'parts of 3 and 4 columns');
      const rows = [matrix(2, 3), matrix(1, 3)].map((part) => ({ rows: part, factor: 1 }));
      await checkRejects(() => backend.combine(rows), code, 'parts of 2 rows and 1');
    },
  },
];
