import { ReferenceBackend } from '@freebind/backend-reference';
import { expect, test } from 'vitest';
import { type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { findLeakage, type ItemPool } from './leakage.ts';

const backend = new ReferenceBackend();

const pool = (name: string, rows: Matrix, more: Partial<ItemPool> = {}): ItemPool => ({
  name,
  modality: 'image',
  space: 'vt',
  table: tableOf(rows, name),
  ...more,
});
const rowsOf = (n: number, seed: string): Matrix => normalMatrix(n, 16, random(seed));

test('names rows that are in training by id or by embedding, and where', async () => {
  const trained = rowsOf(1500, 'train');
  const evaluated = rowsOf(1100, 'test');
  // Row 1090 is training row 1234, twice as long and a little off; row 3 shares the id of row 7.
  for (let c = 0; c < 16; c++) evaluated.data[1090 * 16 + c] = 2 * (trained.data[1234 * 16 + c] ?? 0) + 1e-3;
  const report = await findLeakage({
    training: [pool('noto', trained, { ids: Array.from({ length: 1500 }, (_, i) => (i === 7 ? 'cat' : `t${i}`)) })],
    evaluation: [
      pool('twemoji', evaluated, { ids: Array.from({ length: 1100 }, (_, i) => (i === 3 ? 'cat' : `e${i}`)) }),
    ],
    backend,
  });
  expect(report.byId).toEqual([
    {
      modality: 'image',
      evaluation: { pool: 'twemoji', row: 3, id: 'cat' },
      training: { pool: 'noto', row: 7, id: 'cat' },
    },
  ]);
  expect(report.byEmbedding).toEqual([
    {
      modality: 'image',
      evaluation: { pool: 'twemoji', row: 1090, id: 'e1090' },
      training: { pool: 'noto', row: 1234, id: 't1234' },
      cosine: expect.closeTo(1, 4),
    },
  ]);
  expect(report.checked).toEqual({ byId: 1100, byEmbedding: 1100 });
  expect(report.summary).toBe(
    'Evaluated items are in the training pools, 1 by id and 1 by embedding (1100 rows checked by id, 1100 by embedding (cosine from 0.999)); the first: twemoji row 3 "cat" is noto row 7.',
  );
});

test('compares within a modality by id and within a space by embedding', async () => {
  const rows = rowsOf(5, 'same');
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const other = await findLeakage({
    training: [
      pool('audio', rows, { modality: 'audio', ids }),
      pool('u', rows, { space: 'u', ids: ids.map((id) => `${id}!`) }),
    ],
    evaluation: [pool('image', rows, { ids })],
    backend,
  });
  expect(other).toMatchObject({ byId: [], byEmbedding: [], checked: { byId: 5, byEmbedding: 0 } });
  expect(other.summary).toMatch(
    /^No evaluated item was found in the training pools: 5 rows checked by id, 0 by embedding/,
  );
});

test('keeps the nearest of several training pools', async () => {
  const rows = rowsOf(4, 'near');
  const off = matrix(
    4,
    16,
    Float32Array.from(rows.data, (x, i) => x + (i % 2 === 0 ? 0.02 : -0.02)),
  );
  const { byEmbedding } = await findLeakage({
    training: [pool('off', off), pool('same', rows)],
    evaluation: [pool('test', rows)],
    backend,
    threshold: 0.99,
  });
  expect(byEmbedding.map(({ training }) => training)).toEqual([0, 1, 2, 3].map((row) => ({ pool: 'same', row })));
});

test('refuses ids that are not one a row, thresholds that are no cosine, and rows without direction', async () => {
  const good = pool('test', rowsOf(3, 'x'));
  const check = (training: ItemPool, threshold?: number): Promise<unknown> =>
    findLeakage({ training: [training], evaluation: [good], backend, ...(threshold !== undefined && { threshold }) });
  await expect(check(pool('bad', rowsOf(3, 'y'), { ids: ['a'] }))).rejects.toMatchObject({
    code: 'FREEBIND_ROWS_MISALIGNED',
  });
  await expect(check(good, 1)).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
  await expect(check(pool('zero', matrix(2, 16)))).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringContaining('Row 0 of zero'),
  });
});
