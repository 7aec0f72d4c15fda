import { expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { tableOf } from '../table.ts';
import { combineViews, pairViews } from './views.ts';

/** A table whose row r is [100 · name + r]. */
const rows = (name: number, n: number, cols = 1) =>
  tableOf(
    matrix(
      n,
      cols,
      Float32Array.from({ length: n * cols }, (_, i) => 100 * name + Math.floor(i / cols)),
    ),
    `t${name}.npy`,
  );

test('every choice of views has its row for every item', async () => {
  const stacked = { image: rows(1, 6), text: rows(2, 4), audio: rows(3, 2) };
  const { combinations, tables } = combineViews(stacked, 2);
  expect(combinations).toBe(6);
  const seen = new Set<string>();
  for (let row = 0; row < 12; row++) {
    const numbers = await Promise.all(
      Object.values(tables).map(async (table) => (await table.read(row, row + 1)).data[0] ?? -1),
    );
    // The item is the same in every modality, whatever its view.
    expect(numbers.map((x) => x % 2)).toEqual([row % 2, row % 2, row % 2]);
    seen.add(numbers.join());
  }
  expect(seen.size).toBe(12);
});

test('single views are used as they are', () => {
  const stacked = { image: rows(1, 2), text: rows(2, 2) };
  expect(combineViews(stacked, 2)).toEqual({ combinations: 1, tables: stacked });
});

test('a modality may be one table or several', () => {
  const [a, b, c] = [rows(1, 3), rows(2, 3), rows(3, 3)];
  const { items, views } = pairViews({ image: [a, b], text: c });
  const sources = Object.values(views).map((tables) => tables.map(({ source }) => source));
  expect([items, sources]).toEqual([3, [['t1.npy', 't2.npy'], ['t3.npy']]]);
});

test.each([
  [{ image: rows(1, 3) }, /at least two modalities, but image/],
  [{ image: rows(1, 3), text: [] }, /"text" has no tables/],
  [{ image: rows(1, 3), text: rows(2, 4) }, /t1\.npy has 3 rows and t2\.npy has 4/],
  [{ image: [rows(1, 3), rows(2, 3, 2)], text: rows(3, 3) }, /t1\.npy has 1 columns and t2\.npy has 2/],
])('tables that are not paired are refused (%#)', (modalities, message) => {
  expect(() => pairViews(modalities)).toThrow(message);
});
