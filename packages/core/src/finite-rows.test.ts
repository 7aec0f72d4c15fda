import { expect, test } from 'vitest';
import { finiteRows } from './finite-rows.ts';
import { matrix } from './matrix.ts';
import { selectRows, tableOf } from './table.ts';

const rows = matrix(4, 2, Float32Array.of(0, 0, 5, 6, 0, 0, 1, NaN));
const table = finiteRows(tableOf(rows, 'features.npy'));

test('gives finite rows as they are, zero rows too', async () => {
  expect((await table.read(0, 3)).data).toEqual(rows.data.subarray(0, 6));
});

test('names the row of the table, behind zero rows and however it is asked for', async () => {
  const refusal = {
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 3 of features\.npy holds NaN/),
  };
  await expect(table.read(2, 4)).rejects.toMatchObject(refusal);
  await expect(selectRows(table, Int32Array.of(1, 3)).read(0, 2)).rejects.toMatchObject(refusal);
});

test.each([
  ['float32', Float32Array.of(0, 0, 1e19, 1e19, 1e20, 1)],
  ['float64', Float64Array.of(0, 0, 1e19, 1e19, 1e200, 1)],
])('refuses %s rows whose length float32 cannot tell', async (_, data) => {
  const long = finiteRows(tableOf(matrix(3, 2, data), 'long.npy'));
  expect((await long.read(0, 2)).data).toEqual(data.subarray(0, 4));
  await expect(long.read(1, 3)).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 2 of long\.npy is too long for float32.*divide the table/),
  });
});
