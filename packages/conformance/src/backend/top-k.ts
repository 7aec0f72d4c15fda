import { type Backend, type Matrix, matrix, stackTables, tableOf } from '@freebind/core';
import * as fc from 'fast-check';
import type { ConformanceCase } from '../case.ts';
import { checkClose, checkRejects, checkSame, checkShape } from '../check.ts';
import { unitRows } from '../data.ts';
import { rowsIn } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';
import { checkPrecision } from './shared.ts';

function scale(rows: Matrix, by: number): Matrix {
  return { ...rows, data: rows.data.map((x) => by * x) };
}

/** Requirements of `scores` and `topK`. */
export const topKCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'scores every query against every key, in its precision',
    async run(backend) {
      const [queries, keys] = [unitRows(5, 7, 'scores, queries'), unitRows(13, 7, 'scores')];
      const runner = await backend.openBank({ keys: tableOf(keys), values: tableOf(unitRows(13, 2, 'scores')) });
      const out = await runner.scores(queries);
      const none = await runner.scores(matrix(0, 7));
      await runner.close();
      checkPrecision(backend, out);
      checkShape(out, 5, 13, 'the scores');
      checkShape(none, 0, 13, 'the scores of no queries');
      const expected = rowsIn(queries).flatMap((q) =>
        rowsIn(keys).map((k) => q.reduce((sum, x, i) => sum + x * (k[i] ?? 0), 0)),
      );
      checkClose(out.data, expected, tolerancesOf(backend.manifest).unit, 'the scores');
    },
  },
  {
    name: 'scores rows of any length: neither factor is rounded or cut off',
    async run(backend) {
      // Powers of two leave unit rows' scores as they are; float16 holds neither factor.
      const [queries, keys] = [unitRows(5, 7, 'scores, queries'), unitRows(13, 7, 'scores')];
      const runner = await backend.openBank({ keys: tableOf(scale(keys, 2 ** -30)) });
      const { data } = await runner.scores(scale(queries, 2 ** 30));
      await runner.close();
      const plain = await backend.openBank({ keys: tableOf(keys) });
      const expected = await plain.scores(queries);
      await plain.close();
      checkClose(data, expected.data, tolerancesOf(backend.manifest).unit, 'the scores');
    },
  },
  {
    name: 'ranks the highest scores first, as many as there are',
    async run(backend) {
      const shape = fc.record({
        queries: fc.integer({ min: 0, max: 5 }),
        rows: fc.integer({ min: 1, max: 40 }),
        k: fc.integer({ min: 1, max: 50 }),
        seed: fc.nat(1000),
      });
      await fc.assert(
        fc.asyncProperty(shape, async ({ queries, rows, k, seed }) => {
          const runner = await backend.openBank({ keys: tableOf(unitRows(rows, 4, seed)) });
          const given = unitRows(queries, 4, seed + 1);
          const all = await runner.scores(given);
          const { indices, scores } = await runner.topK(given, k);
          await runner.close();
          const width = Math.min(k, rows);
          checkShape(scores, queries, width, `the top ${k} of ${rows}`);
          checkSame(indices.length, queries * width, 'count of indices');
          rowsIn(all).forEach((row, q) => {
            const best = [...row].sort((a, b) => b - a).slice(0, width);
            const found = scores.data.subarray(q * width, (q + 1) * width);
            checkClose(found, best, tolerancesOf(backend.manifest).unit, `the top ${k} scores of query ${q}`);
            const named = indices.subarray(q * width, (q + 1) * width);
            checkSame(new Set(named).size, width, 'distinct indices');
            const atIndices = Array.from(named, (index) => row[index] ?? Number.NaN);
            checkClose(atIndices, found, tolerancesOf(backend.manifest).unit, 'the scores at the indices');
          });
        }),
        { seed: 3, numRuns: 12 },
      );
    },
  },
  {
    name: 'keeps the lower index when scores tie, also across pieces of a bank',
    because: 'a ranking must not depend on the backend: METHOD, evaluation',
    async run(backend) {
      // Whole numbers, whose dot products every precision and order of summing gives exactly.
      const part = matrix(4, 2, Float32Array.of(1, 0, 0, 1, 1, 0, 0, 2));
      const runner = await backend.openBank({ keys: stackTables([tableOf(part), tableOf(part)]) });
      const queries = matrix(2, 2, Float32Array.of(1, 0, 0, 1));
      const { indices, scores } = await runner.topK(queries, 4);
      const { indices: all } = await runner.topK(matrix(1, 2), 9);
      await runner.close();
      checkClose(indices, [0, 2, 4, 6, 3, 7, 1, 5], 0, 'indices of tied scores');
      checkClose(scores.data, [1, 1, 1, 1, 2, 2, 1, 1], 0, 'tied scores');
      checkClose(all, [0, 1, 2, 3, 4, 5, 6, 7], 0, 'indices where all scores are zero');
    },
  },
  {
    name: 'refuses queries that do not fit and k that is not a whole number of at least 1',
    async run(backend) {
      const runner = await backend.openBank({ keys: tableOf(unitRows(6, 4, 'refused')) });
      await checkRejects(() => runner.scores(matrix(1, 5)), 'FREEBIND_SHAPE_MISMATCH', 'scores of wider queries');
      await checkRejects(() => runner.topK(matrix(1, 5), 1), 'FREEBIND_SHAPE_MISMATCH', 'topK of wider queries');
      for (const k of [0, -1, 1.5, Number.NaN])
        await checkRejects(() => runner.topK(matrix(1, 4), k), 'FREEBIND_ARGUMENT_INVALID', `k = ${k}`);
      await runner.close();
    },
  },
];
