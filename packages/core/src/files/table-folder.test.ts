import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { writeNpy } from './npy.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { openTables } from './table-folder.ts';
import { idsPath, parseTableName, tablePath } from './table-name.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-tables-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('the name of a table', () => {
  test('keeps any space and modality, bound spaces and hostile names included', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.constantFrom(
        'imagebind + d(internvl)',
        'imagebind† + c(a, b)',
        'a/b',
        '..',
        '.hidden',
        'con',
        'NUL.x',
        '50%',
        '%2E',
      ),
    );
    fc.assert(
      fc.property(name, name, fc.constantFrom('npy' as const, 'safetensors' as const), (space, modality, format) => {
        const file = basename(tablePath(dir, space, modality, format));
        expect(parseTableName(file)).toEqual({ space, modality, format });
        // What some file system refuses, hides or gives to a device.
        // oxlint-disable-next-line no-control-regex -- control characters are among them
        expect(file).not.toMatch(/[\0-\u001f<>:"/\\|?*]|^\.|^(con|nul)\./i);
      }),
    );
  });

  test('reads as the space and the modality where nothing needs escaping', () => {
    expect(tablePath('out', 'imagebind + d(internvl)', 'audio')).toBe(join('out', 'imagebind + d(internvl).audio.npy'));
    expect(tablePath('out', 'clip-vit.b32', 'image')).toBe(join('out', 'clip-vit.b32.image.npy'));
    expect(() => tablePath('out', '', 'image')).toThrow('needs the names');
  });

  test('is none for other files', () => {
    for (const file of ['README.md', 'table.npy', '.npy', '.a.b.npy', 'audio.ids.txt', 'a.b.npy.bak'])
      expect(parseTableName(file)).toBeUndefined();
  });
});

describe('a folder of tables', () => {
  test('tells its spaces, modalities, rows and ids, and reads its tables', async () => {
    await writeNpy(tablePath(dir, 'clap', 'audio'), matrix(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6)), { dtype: 'f2' });
    await writeNpy(tablePath(dir, 'imagebind + d(internvl)', 'audio'), matrix(3, 4));
    await writeSafetensors(tablePath(dir, 'clap', 'text', 'safetensors'), {
      any: { shape: [2, 2], data: Float32Array.of(7, 8, 9, 10) },
    });
    await writeFile(idsPath(dir, 'audio'), 'dog\r\ncat, meowing\nrain\n');
    await writeFile(join(dir, 'README.md'), 'not a table');
    const tables = await openTables(dir);
    expect(tables.spaces).toEqual(['clap', 'imagebind + d(internvl)']);
    expect(tables.modalities('clap')).toEqual(['audio', 'text']);
    expect(tables.modalities('nowhere')).toEqual([]);
    expect([tables.has('clap', 'text'), tables.has('clap', 'image')]).toEqual([true, false]);
    expect([tables.rows('audio'), tables.rows('text')]).toEqual([3, 2]);
    expect((await tables.table('clap', 'text').read(1, 2)).data).toEqual(Float32Array.of(9, 10));
    expect((await tables.table('clap', 'audio').gather([2])).data).toEqual(Float32Array.of(5, 6));
    expect(await tables.ids('audio')).toEqual(['dog', 'cat, meowing', 'rain']);
    expect(await tables.ids('text')).toBeUndefined();
    expect(() => tables.table('clap', 'image')).toThrow(/no table of image in "clap".*It has audio in "clap"/);
    expect(() => tables.rows('image')).toThrow('no table of image');
    await tables.close();
    await tables.close();
    await expect(tables.table('clap', 'text').read(0, 1)).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });

  test('names both files when the rows of one modality differ in number', async () => {
    await writeNpy(tablePath(dir, 'clap', 'audio'), matrix(3, 2));
    await writeNpy(tablePath(dir, 'imagebind', 'audio'), matrix(4, 2));
    const error = await openTables(dir).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_ROWS_MISALIGNED' });
    expect(String(error)).toMatch(/clap\.audio\.npy has 3 rows and .*imagebind\.audio\.npy has 4/);
  });

  test('refuses ids that are not one a row', async () => {
    await writeNpy(tablePath(dir, 'clap', 'audio'), matrix(3, 2));
    await writeFile(idsPath(dir, 'audio'), 'dog\ncat');
    const tables = await openTables(dir);
    await expect(tables.ids('audio')).rejects.toMatchObject({ code: 'FREEBIND_ROWS_MISALIGNED' });
    await tables.close();
  });

  test('refuses a table that is there in two formats, and a safetensors file of several tensors', async () => {
    const path = tablePath(dir, 'clap', 'audio', 'safetensors');
    await writeNpy(tablePath(dir, 'clap', 'audio'), matrix(1, 2));
    await writeSafetensors(path, { a: matrixTensor(1, 2) });
    await expect(openTables(dir)).rejects.toThrow('Keep one of them');
    await writeSafetensors(path, { a: matrixTensor(1, 2), b: matrixTensor(1, 2) });
    await expect(openTables(dir)).rejects.toThrow('holds 2 tensors (a, b)');
    await writeSafetensors(path, { a: { shape: [2], data: new Float32Array(2) } });
    await expect(openTables(dir)).rejects.toThrow('a table is 2-D');
  });

  test('may be empty, and says so when a table is wanted', async () => {
    const tables = await openTables(dir);
    expect(tables.spaces).toEqual([]);
    expect(() => tables.table('clap', 'audio')).toThrow('no tables at all');
    await tables.close();
    await expect(openTables(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    expect(await readdir(dir)).toEqual([]);
  });
});

function matrixTensor(rows: number, cols: number): { shape: readonly number[]; data: Float32Array } {
  return { shape: [rows, cols], data: new Float32Array(rows * cols) };
}
