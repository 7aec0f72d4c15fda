import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWorkFolder } from './work-folder.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-work-'));
});
afterEach(() => rm(dir, { recursive: true }));

test.each([{}, { replace: true }])('a folder of somebody else is left alone (%j)', async (options) => {
  const path = join(dir, 'bond.training');
  await mkdir(path);
  await writeFile(join(path, 'thesis.txt'), 'years of work');
  const error = await openWorkFolder(path, { seed: 1 }, options).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
  expect(String(error)).toContain(`${path} holds thesis.txt`);
  expect(await readdir(path)).toEqual(['thesis.txt']);
});

test('other work is cleared away when it is replaced, with all that it made', async () => {
  const path = join(dir, 'bond.training');
  const first = await openWorkFolder(path, { seed: 1 }, {});
  await mkdir(join(path, 'heads', 'mix'), { recursive: true });
  await first.release();
  const second = await openWorkFolder(path, { seed: 2 }, { replace: true });
  expect(await readdir(path)).toEqual(['.freebind.lock', 'run.json']);
  expect(await readFile(join(path, 'run.json'), 'utf8')).toContain('"seed": 2');
  await second.remove();
  expect(await readdir(dir)).toEqual([]);
});
