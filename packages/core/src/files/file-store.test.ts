import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderStore } from './file-store.ts';
import { namesAside } from './leftovers.ts';

let dir = '';
let store = new FolderStore(dir);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-store-'));
  store = new FolderStore(join(dir, 'store'));
});
afterEach(() => rm(dir, { recursive: true }));

test('gives back what was put, and undefined for what was not', async () => {
  expect(await store.get('a/b.bin')).toBeUndefined();
  await store.put('a/b.bin', Uint8Array.of(1, 2));
  await store.put('a/b.bin', Uint8Array.of(3));
  expect(new Uint8Array((await store.get('a/b.bin')) ?? [])).toEqual(Uint8Array.of(3));
  expect(await store.get('a')).toBeUndefined();
  expect(await store.get('a/b.bin/c')).toBeUndefined();
  expect(store.path('a/b.bin')).toBe(join(dir, 'store', 'a', 'b.bin'));
});

test('lists its keys sorted, by prefix, without what writers left aside', async () => {
  expect(await store.keys()).toEqual([]);
  for (const key of ['b', 'a/2', 'a/10', 'ab']) await store.put(key, Uint8Array.of(1));
  await writeFile((await namesAside(join(dir, 'store', 'b'))).fresh, '');
  expect(await store.keys()).toEqual(['a/10', 'a/2', 'ab', 'b']);
  expect(await store.keys('a/')).toEqual(['a/10', 'a/2']);
  expect(await store.keys('a')).toEqual(['a/10', 'a/2', 'ab']);
});

test.each(['', '/etc/passwd', '../out', 'a/../../out', 'a//b', './a', 'a/', 'C:\\x', 'a\\b', 'a\0b', '.freebind.lock'])(
  'refuses the key %j before anything is read or written',
  async (key) => {
    await expect(store.put(key, Uint8Array.of(1))).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
    await expect(store.get(key)).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
    expect(await readdir(dir)).toEqual([]);
  },
);
