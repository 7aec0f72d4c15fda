import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Matrix, matrix, normaliseRows } from '../matrix.ts';
import { tableOf } from '../table.ts';
import { checkTable } from './check-table.ts';
import { fingerprint } from './fingerprint.ts';
import { openNpy, writeNpy } from './npy.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-check-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** Unit rows enough for three tiles, of numbers that half floats round. */
function unitMatrix(): Matrix {
  return normaliseRows(
    matrix(
      5000,
      500,
      Float32Array.from({ length: 2_500_000 }, (_, i) => 1 + (i % 7)),
    ),
  );
}

describe('checking a table', () => {
  test.each([
    ['NaN', Number.NaN, 'holds NaN'],
    ['Inf', -Infinity, 'holds Inf'],
  ])('finds %s in the last tile and names file and row', async (_, bad, found) => {
    const rows = unitMatrix();
    rows.data[4321 * 500 + 77] = bad;
    await expect(checkTable(tableOf(rows, 'some.npy'))).rejects.toThrow(`Row 4321 of some.npy ${found}`);
    await expect(checkTable(tableOf(rows, 'some.npy'), { unit: true })).rejects.toMatchObject({
      code: 'FREEBIND_NUMBER_INVALID',
    });
  });

  test('finds a zero row, and with `unit` a row of another length', async () => {
    const rows = unitMatrix();
    rows.data.fill(0, 4999 * 500);
    await expect(checkTable(tableOf(rows, 'some.npy'))).rejects.toThrow('Row 4999 of some.npy is all zeros');
    rows.data[4999 * 500] = 2;
    await checkTable(tableOf(rows));
    await expect(checkTable(tableOf(rows, 'some.npy'), { unit: true })).rejects.toThrow(
      /Row 4999 of some\.npy .* 2\.0/,
    );
  });

  test('takes unit rows that were rounded to half precision', async () => {
    const path = join(dir, 'unit.npy');
    await writeNpy(path, unitMatrix(), { dtype: 'f2' });
    const table = await openNpy(path);
    await expect(checkTable(table, { unit: true })).resolves.toBeUndefined();
    await table.close();
  });
});

describe('a fingerprint', () => {
  test('of a file is the SHA-256 of its bytes', async () => {
    const path = join(dir, 'file.npy');
    await writeNpy(path, matrix(2, 2));
    const hash = createHash('sha256').update(await readFile(path));
    expect(await fingerprint(path)).toBe(`sha256:${hash.digest('hex')}`);
    await expect(fingerprint(join(dir, 'none'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });

  test('of a table depends on its shape and numbers, not on its file or how it is tiled', async () => {
    const path = join(dir, 'table.npy');
    const rows = unitMatrix();
    await writeNpy(path, rows);
    const table = await openNpy(path);
    const whole = createHash('sha256').update('5000 500\n').update(rows.data);
    expect(await fingerprint(table)).toBe(`sha256:${whole.digest('hex')}`);
    expect(await fingerprint(tableOf(rows))).toBe(await fingerprint(table));
    expect(await fingerprint(tableOf({ ...rows, rows: 2500, cols: 1000 }))).not.toBe(await fingerprint(table));
    await table.close();
  });
});
