import { ReferenceBackend } from '@freebind/backend-reference';
import { afterAll, expect, test } from 'vitest';
import { toyBond, toyRows, toyShapes } from '../test/toy-spaces.ts';
import { composeTables, shapesOf, type Tables } from './compose-tables.ts';
import { type Composition, openComposition } from './composition.ts';
import { FreebindError } from './errors.ts';
import type { Matrix } from './matrix.ts';
import { recipe } from './recipe.ts';
import type { Embeddings } from './space.ts';
import { type Table, tableOf } from './table.ts';

const { unified, sound } = toyShapes;
const backend = new ReferenceBackend({ precision: 'float64' });
afterAll(() => backend.close());

/** Tables from rows by `SPACE.MODALITY`, as a folder would give them. */
function tablesOf(rows: Readonly<Record<string, Matrix | Table>>): Tables {
  const names = Object.keys(rows).map((name) => name.split('.'));
  return {
    spaces: [...new Set(names.map(([space = '']) => space))],
    modalities: (id) => names.flatMap(([space, modality = '']) => (space === id ? [modality] : [])),
    table: (space, modality) => {
      const name = `${space}.${modality}`;
      const found = rows[name];
      if (found === undefined) throw new FreebindError('FREEBIND_FILE_MISSING', `no table ${name}`);
      return 'read' in found ? found : tableOf(found, `${name}.npy`);
    },
  };
}
const rows = (n = 23): Record<string, Matrix> => ({
  'unified.audio': toyRows(unified, 'audio', n),
  'unified.image': toyRows(unified, 'image', n),
  'unified.text': toyRows(unified, 'text', n),
  'sound.audio': toyRows(sound, 'audio', n),
  'sound.text': toyRows(sound, 'text', n),
});
const open = (tables: Tables): Promise<Composition> =>
  openComposition({
    recipe: recipe('unified + c(sound)'),
    spaces: shapesOf(tables),
    bonds: [toyBond('combination', sound, unified)],
    backend,
  });
async function collect(tables: Tables, modality: string, options = {}): Promise<readonly Embeddings[]> {
  const tiles: Embeddings[] = [];
  for await (const tile of composeTables(await open(tables), tables, modality, options)) tiles.push(tile);
  return tiles;
}

test('knows spaces by their tables alone', () => {
  expect(shapesOf(tablesOf(rows()))).toEqual([unified, sound]);
});

test('gives the same rows in tiles of any size', async () => {
  const tables = tablesOf(rows());
  const [whole, ...none] = await collect(tables, 'audio', { factors: 'at-expertise' });
  expect(none).toEqual([]);
  for (const tile of [1, 5, 23]) {
    const tiles = await collect(tables, 'audio', { factors: 'at-expertise', tile });
    expect(tiles.map((part) => part.rows)).toEqual(
      tile === 5 ? [5, 5, 5, 5, 3] : tile === 1 ? Array(23).fill(1) : [23],
    );
    expect(tiles.flatMap((part) => Array.from(part.data))).toEqual(Array.from(whole?.data ?? []));
  }
});

test('never asks a table for more than a tile', async () => {
  const asked: number[] = [];
  const watched = Object.fromEntries(
    Object.entries(rows()).map(([name, matrix]): [string, Table] => {
      const table = tableOf(matrix);
      return [
        name,
        {
          ...table,
          read: (start, end) => {
            asked.push(end - start);
            return table.read(start, end);
          },
        },
      ];
    }),
  );
  await collect(tablesOf(watched), 'text', { tile: 4 });
  expect(Math.max(...asked)).toBe(4);
  expect(asked.reduce((a, b) => a + b)).toBe(2 * 23);
});

test('refuses a row that is not a unit row, naming table and row', async () => {
  const bad = rows();
  bad['sound.audio']?.data.fill(Number.NaN, 17 * 4, 17 * 4 + 1);
  await expect(collect(tablesOf(bad), 'audio', { tile: 8 })).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringContaining('Row 17 of sound.audio.npy'),
  });
});

test('refuses tables of one modality with different row counts, before the first tile', async () => {
  const tables = tablesOf({ ...rows(), 'sound.audio': toyRows(sound, 'audio', 22) });
  await expect(collect(tables, 'audio')).rejects.toMatchObject({
    code: 'FREEBIND_ROWS_MISALIGNED',
    message: expect.stringContaining('unified.audio.npy 23, sound.audio.npy 22'),
  });
});

test('refuses a space whose tables differ in width, and a table of another width than its space', async () => {
  const odd = tablesOf({ ...rows(), 'sound.text': toyRows(unified, 'text') });
  expect(() => shapesOf(odd)).toThrow(expect.objectContaining({ code: 'FREEBIND_SHAPE_MISMATCH' }));
  const composition = await open(tablesOf(rows()));
  await expect(composeTables(composition, odd, 'text').next()).rejects.toMatchObject({
    code: 'FREEBIND_SHAPE_MISMATCH',
    message: expect.stringContaining('sound.text.npy has 6 columns, but embeddings of "sound" have 4'),
  });
});

test('refuses a table that is missing and a factor that means nothing, before the first tile', async () => {
  const composition = await open(tablesOf(rows()));
  const { 'sound.audio': _, ...fewer } = rows();
  await expect(composeTables(composition, tablesOf(fewer), 'audio').next()).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
  });
  await expect(
    composeTables(composition, tablesOf(rows()), 'audio', { factors: 'loud=1' }).next(),
  ).rejects.toMatchObject({ code: 'FREEBIND_FACTOR_INVALID' });
});

test('stops between tiles when it is aborted', async () => {
  const abort = new AbortController();
  const tables = tablesOf(rows());
  const tiles = composeTables(await open(tables), tables, 'audio', { tile: 10, signal: abort.signal });
  await tiles.next();
  abort.abort();
  await expect(tiles.next()).rejects.toMatchObject({
    code: 'FREEBIND_ABORTED',
    message: expect.stringContaining('row 10 of 23'),
  });
});
