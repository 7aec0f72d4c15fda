import { expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { tableOf } from '../table.ts';
import { holdTables } from './held-tables.ts';

test('a table is held in memory when all of them fit there in their own precision', async () => {
  const single = { rows: tableOf(matrix(5, 4)) };
  const double = { rows: tableOf(matrix(5, 4, new Float64Array(20))) };
  // 20 numbers take 80 bytes as float32 and 160 as float64.
  expect(await holdTables(single, 79)).toEqual({ tables: single, fromFiles: true });
  expect(await holdTables(single, 80)).toMatchObject({ fromFiles: false });
  expect(await holdTables(double, 159)).toEqual({ tables: double, fromFiles: true });
  expect(await holdTables(double, 160)).toMatchObject({ fromFiles: false });
  expect(await holdTables({ ...single, other: double.rows }, 239)).toMatchObject({ fromFiles: true });
});
