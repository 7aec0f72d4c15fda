import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-folder-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('makes what a folder lies in, and is quiet where it is there, also for several at once', async () => {
  const path = join(dir, 'a', 'b', 'c');
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(dir, 'a', 'd'))]);
  await makeFolder(path);
  expect((await readdir(dir, { recursive: true })).sort()).toEqual([
    'a',
    join('a', 'b'),
    join('a', 'b', 'c'),
    join('a', 'd'),
  ]);
});

test('fails below a file', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(makeFolder(join(dir, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(dir, 'file', 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(process.platform === 'linux')('ends in /proc (elsewhere there is none)', async () => {
  await expect(makeFolder('/proc/freebind/a')).rejects.toMatchObject({ code: 'ENOENT' });
});
