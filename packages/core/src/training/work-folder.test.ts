import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isFreebindError } from '../errors.ts';
import { markOfThisProcess } from '../files/process-mark.ts';
import { discardWorkFolder, openWorkFolder } from './work-folder.ts';

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

test('what a killed run did not clear away is discarded to the last lock, and what somebody else keeps is not', async () => {
  const work = join(dir, 'work');
  const bare = join(dir, 'bare');
  const theirs = join(dir, 'theirs');
  await (await openWorkFolder(work, {}, {})).release();
  // A kill between the removal of the identity and of the folder leaves a dead process's lock.
  await mkdir(bare);
  const { started, place, host } = await markOfThisProcess();
  await writeFile(join(bare, '.freebind.lock'), JSON.stringify({ pid: 99_999_999, started, place, host }));
  await mkdir(theirs);
  await writeFile(join(theirs, 'thesis.txt'), 'years of work');
  for (const path of [work, bare, theirs, join(dir, 'nothing')]) await discardWorkFolder(path);
  expect(await readdir(dir)).toEqual(['theirs']);
  expect(await readdir(theirs)).toEqual(['thesis.txt']);
});

test('is had by one after another, each of whom removes it, and the others are told that it is busy', async () => {
  const path = join(dir, 'bond.training');
  let held = 0;
  const codes = new Set<unknown>();
  const takeTurns = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) {
      try {
        const work = await openWorkFolder(path, { seed: 1 }, { resume: false });
        expect(++held).toBe(1);
        await writeFile(join(path, 'pairs.npy'), '');
        held--;
        await work.remove();
      } catch (error) {
        if (!isFreebindError(error)) throw error;
        codes.add(error.code);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, takeTurns));
  expect([...codes]).toEqual(['FREEBIND_OUTPUT_BUSY']);
  expect(await readdir(dir)).toEqual([]);
});
