import type { Store } from '@freebind/core';
import type { ConformanceCase } from './case.ts';
import { check, checkRejects, checkSame } from './check.ts';

/** Everything that a store must do. The store is empty when the first case begins; each case has keys of its own. */
export const storeCases: readonly ConformanceCase<Store>[] = [
  {
    name: 'returns what was put, bytes for bytes, and undefined for what was not',
    async run(store) {
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) & 255);
      await store.put('round/trip.bin', bytes);
      await store.put('round/empty.bin', new Uint8Array(0));
      checkSame((await store.get('round/trip.bin'))?.join(), bytes.join(), 'the bytes');
      checkSame((await store.get('round/empty.bin'))?.length, 0, 'length of no bytes');
      checkSame(await store.get('round/nothing.bin'), undefined, 'a key that was not put');
      checkSame(await store.get('round'), undefined, 'a key that is only the beginning of others');
    },
  },
  {
    name: 'replaces what a key had',
    async run(store) {
      await store.put('replaced.bin', Uint8Array.of(1, 2, 3));
      await store.put('replaced.bin', Uint8Array.of(4));
      checkSame((await store.get('replaced.bin'))?.join(), '4', 'the bytes');
    },
  },
  {
    name: 'lists keys by prefix, sorted',
    async run(store) {
      for (const key of ['list/b.bin', 'list/a/2.bin', 'list/a/1.bin', 'listed.bin'])
        await store.put(key, Uint8Array.of(1));
      checkSame((await store.keys('list/')).join(), 'list/a/1.bin,list/a/2.bin,list/b.bin', 'keys under list/');
      checkSame((await store.keys('list')).join(), 'list/a/1.bin,list/a/2.bin,list/b.bin,listed.bin', 'keys from list');
      checkSame((await store.keys('nowhere/')).join(), '', 'keys under nowhere/');
      const all = await store.keys();
      check(all.includes('listed.bin'), 'keys() without a prefix does not list every key.');
      checkSame(all.join(), [...all].sort().join(), 'the order of keys');
    },
  },
  {
    name: 'keeps its own copy of the bytes',
    async run(store) {
      const bytes = Uint8Array.of(1, 2, 3);
      await store.put('copied.bin', bytes);
      bytes.fill(9);
      const read = await store.get('copied.bin');
      checkSame(read?.join(), '1,2,3', "the bytes after the caller's array changed");
      read?.fill(9);
      checkSame((await store.get('copied.bin'))?.join(), '1,2,3', 'the bytes after a copy that was read changed');
    },
  },
  {
    name: 'holds one whole value when two are put at once',
    because: 'a write is all or nothing',
    async run(store) {
      const values = [1, 2].map((value) => new Uint8Array(50_000).fill(value));
      await Promise.all(values.map((value) => store.put('raced.bin', value)));
      const found = await store.get('raced.bin');
      check(
        values.some((value) => value.join() === found?.join()),
        'Two puts of one key left a mixture of both.',
      );
      check(
        (await store.keys()).every((key) => key === 'raced.bin' || !key.includes('raced')),
        'A put left another file behind under a name of its own.',
      );
    },
  },
  {
    name: 'gives a path for a key, or for none',
    async run(store) {
      await store.put('paths/one.bin', Uint8Array.of(1));
      const path = store.path('paths/one.bin');
      checkSame(typeof store.path('paths/two.bin'), typeof path, 'the kind of path of a key that was not put');
      check(path === undefined || path.endsWith('one.bin'), `The path of paths/one.bin is ${path}.`);
    },
  },
  {
    name: 'refuses keys that could leave it',
    async run(store) {
      for (const key of ['', '/absolute', '../above', 'a/../../above', 'a//b', './a', 'a\\b', 'C:a']) {
        const what = `the key ${JSON.stringify(key)}`;
        await checkRejects(() => store.put(key, Uint8Array.of(1)), 'FREEBIND_ARGUMENT_INVALID', `put of ${what}`);
        await checkRejects(() => store.get(key), 'FREEBIND_ARGUMENT_INVALID', `get of ${what}`);
      }
    },
  },
];
