import { expect, test } from 'vitest';
import { matrix, normaliseRows } from './matrix.ts';
import { normalMatrix, random } from './random.ts';
import { selectRows, tableOf } from './table.ts';
import { unitRows } from './unit-rows.ts';

const unitTable = (): ReturnType<typeof normalMatrix> => normaliseRows(normalMatrix(5, 8, random('unit rows')));

test('gives rows rounded as float16 does back at length one, and leaves the original alone', async () => {
  const rounded = unitTable();
  rounded.data.forEach((x, i) => (rounded.data[i] = Math.round(x * 2 ** 11) / 2 ** 11));
  const before = rounded.data.slice();
  const { data } = await unitRows(tableOf(rounded)).read(1, 4);
  for (let r = 0; r < 3; r++) expect(Math.hypot(...data.subarray(r * 8, r * 8 + 8))).toBeCloseTo(1, 6);
  expect(rounded.data).toEqual(before);
});

test.each([
  ['NaN', NaN, /Row 3 of a\.npy is not finite \(NaN\)/],
  ['an infinity', Infinity, /Row 3 of a\.npy is not finite \(Inf\)/],
])('refuses %s with the table and the row', async (_, value, message) => {
  const rows = unitTable();
  rows.data[3 * 8 + 2] = value;
  await expect(unitRows(tableOf(rows, 'a.npy')).read(0, 5)).rejects.toThrow(message);
});

test('refuses a zero row and a row that was never normalised', async () => {
  const rows = unitTable();
  rows.data.fill(0, 8, 16);
  await expect(unitRows(tableOf(rows, 'a.npy')).read(0, 5)).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 1 of a\.npy is all zeros/),
  });
  const raw = matrix(2, 2, Float32Array.of(1, 0, 3, 4));
  await expect(unitRows(tableOf(raw, 'b.npy')).read(0, 2)).rejects.toThrow(/Row 1 of b\.npy has norm 5\.000/);
});

test('names the row of the table, not of the batch', async () => {
  const rows = unitTable();
  rows.data.fill(0, 8, 16);
  await expect(unitRows(tableOf(rows, 'a.npy')).gather([4, 1])).rejects.toThrow(/Row 1 of a\.npy/);
  await expect(selectRows(unitRows(tableOf(rows, 'a.npy')), Int32Array.of(0, 1)).read(0, 2)).rejects.toThrow(/Row 1/);
});
