import { type Backend, matrix, tableOf } from '@freebind/core';
import type { ConformanceCase } from '../case.ts';
import { check, checkClose, checkIdentical, checkRejects } from '../check.ts';
import { repeatedTable, unitRows } from '../data.ts';
import { tolerancesOf } from '../tolerance.ts';
import { aggregate, expectedAggregate } from './aggregate.ts';

/** The most of a bank that is read at once; the streaming cases offer 96 MiB, which is more than one read. */
const LARGEST_READ_MIB = 64;

/** Requirements of `openBank`. */
export const bankCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'streams a bank from its table in tiles of at most 64 MiB',
    because: 'peak memory must not grow with the number of rows',
    requires: 'streamedBank',
    async run(backend) {
      // A bank that repeats a block is the block, because every weight is repeated as often as the sum of weights.
      const block = unitRows(1024, 256, 'streamed');
      const { table, largestRead } = repeatedTable(block, 96);
      const queries = unitRows(2, 256, 'streamed, queries');
      const runner = await backend.openBank({ keys: table });
      const out = await runner.aggregate(queries, 0.05);
      await runner.close();
      const tolerance = 4 * tolerancesOf(backend.manifest).aggregate(0.05); // sums of 10⁵ terms
      checkClose(out.data, expectedAggregate({ keys: block }, queries, 0.05), tolerance, 'a bank of 98,304 rows');
      const mib = (largestRead() * 256 * 4) / 2 ** 20;
      check(
        mib <= LARGEST_READ_MIB,
        `One read asked for ${mib} MiB of the bank, expected at most ${LARGEST_READ_MIB} MiB.`,
      );
    },
  },
  {
    name: 'ranks over all tiles of a streamed bank, and keeps the lower index across them',
    requires: 'streamedBank',
    async run(backend) {
      // Whole numbers, whose scores are exact: every 1024th row is the best, and all of these tie. 96 MiB are two tiles or more.
      const block = matrix(1024, 256);
      block.data.fill(1, 700 * 256, 701 * 256);
      block.data.fill(1, 300 * 256, 301 * 256 - 1);
      const runner = await backend.openBank({ keys: repeatedTable(block, 96).table });
      const { indices, scores } = await runner.topK(matrix(1, 256, new Float32Array(256).fill(1)), 98);
      await runner.close();
      const best = Array.from({ length: 96 }, (_, i) => 700 + 1024 * i);
      checkClose(indices, [...best, 300, 1324], 0, 'indices of the best rows');
      checkClose(scores.data, [...new Float64Array(96).fill(256), 255, 255], 0, 'scores of the best rows');
    },
  },
  {
    name: 'refuses a bank larger than any memory when it does not stream',
    unless: 'streamedBank',
    async run(backend) {
      const { table } = repeatedTable(unitRows(64, 64, 'too large'), 2 ** 40);
      const call = async (): Promise<unknown> => (await backend.openBank({ keys: table })).aggregate(matrix(1, 64), 1);
      await checkRejects(call, 'FREEBIND_CAPABILITY_MISSING', 'a bank of 2⁴⁶ rows');
    },
  },
  {
    name: 'writes neither to the bank nor to the queries',
    async run(backend) {
      const bank = { keys: unitRows(12, 5, 'untouched'), values: unitRows(12, 3, 'untouched') };
      const queries = unitRows(4, 5, 'untouched, queries');
      const all = [bank.keys.data, bank.values.data, queries.data];
      const before = all.map((data) => data.slice());
      await aggregate(backend, bank, queries, 0.01);
      all.forEach((data, i) => checkIdentical(data, before[i] ?? data, 'an input of aggregate'));
    },
  },
  {
    name: 'refuses banks and queries that do not fit, and temperatures that are not above zero',
    async run(backend) {
      const keys = tableOf(unitRows(6, 4, 'refused'));
      const shape = 'FREEBIND_SHAPE_MISMATCH';
      await checkRejects(
        () => backend.openBank({ keys, values: tableOf(unitRows(5, 4, 'refused')) }),
        'FREEBIND_ROWS_MISALIGNED',
        '6 keys with 5 values',
      );
      await checkRejects(() => backend.openBank({ keys: tableOf(matrix(0, 4)) }), shape, 'a bank without rows');
      const runner = await backend.openBank({ keys });
      await checkRejects(() => runner.aggregate(matrix(2, 3), 0.01), shape, 'queries of 3 columns for keys of 4');
      for (const temperature of [0, -1, Infinity, Number.NaN]) {
        await checkRejects(
          () => runner.aggregate(matrix(2, 4), temperature),
          'FREEBIND_ARGUMENT_INVALID',
          `a temperature of ${temperature}`,
        );
      }
      await runner.close();
    },
  },
];
