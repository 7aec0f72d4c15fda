import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { isFreebindError } from '@freebind/core';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIXTURES } from '../test/golden.ts';
import { bytes, floats, join, op, pickleOf, tensorOf, uint32, uint64, zipOf } from '../test/write-checkpoint.ts';
import { readCheckpoint } from './checkpoint.ts';
import { runPickle } from './pickle.ts';
import { torchNames } from './torch-names.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'freebind-hostile-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Opens a file and reads every tensor, or gives the error. Anything but a FreebindError fails the test. */
async function readAll(file: Uint8Array): Promise<{ readonly numbers?: number; readonly code?: string }> {
  const path = joinPath(folder, 'hostile.pt');
  await writeFile(path, file);
  try {
    const checkpoint = await readCheckpoint(path);
    try {
      let numbers = 0;
      for (const stored of checkpoint.tensors.values()) numbers += (await stored.read()).data.length;
      return { numbers };
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (isFreebindError(error)) return { code: error.code };
    throw error;
  }
}

const outcomes = ['read', 'FREEBIND_FILE_INVALID', 'FREEBIND_FILE_UNSAFE', 'FREEBIND_NUMBER_INVALID'];
const repeat = (part: Uint8Array, times: number): Uint8Array => Buffer.alloc(part.length * times, part);
const saved = (pickle: Uint8Array): Uint8Array => zipOf({ 'x/data.pkl': pickle, 'x/data/0': floats([1]) });

describe.each(['edge_tensors.pt', 'edge_tensors_legacy.pt', 'edge_nested_ckpt.pt'])('%s with bytes changed', (name) => {
  test('is read or refused, and never unfolds to more than a few times its size', async () => {
    const real = await readFile(joinPath(FIXTURES, 'projectors', name));
    const changes = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        changes,
        fc.integer({ min: real.length >> 1, max: real.length }),
        fc.boolean(),
        async (changed, cut, whole) => {
          const file = Uint8Array.from(real);
          for (const [at, byte] of changed) file[at] = byte;
          const { code = 'read', numbers = 0 } = await readAll(whole ? file : file.subarray(0, cut));
          expect(code).toBeOneOf(outcomes);
          // 14 tensors at most, each of them bounded by `largestTensor`.
          expect(numbers).toBeLessThanOrEqual(14 * 2 ** 16);
        },
      ),
      { numRuns: 250, seed: 7 },
    );
  });
});

test('any opcodes in any order are read or refused', () => {
  const opcodes = Array.from('.(}]Nt)KMJGXUTBCqrhjcRbQsuae', (c) => bytes(c.charCodeAt(0)));
  const real = [
    tensorOf({ shape: [1] }),
    op.global('collections', 'OrderedDict'),
    join(op.emptyTuple, op.reduce),
    op.int(1),
  ];
  const step = fc.oneof(
    fc.constantFrom(...opcodes, ...real),
    fc.nat(255).map((byte) => bytes(byte)),
  );
  const host = torchNames('a pickle', (_key, dtype, length) => ({
    dtype,
    length,
    source: 'a pickle',
    largestTensor: 100,
    read: (_start, size) => Promise.resolve(new ArrayBuffer(size)),
  }));
  const outcome = (pickle: Uint8Array): unknown => {
    try {
      return runPickle(pickle, 0, host) === undefined ? 'cut' : 'read';
    } catch (error) {
      return isFreebindError(error) ? 'refused' : error;
    }
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      expect(outcome(join(op.proto(), ...steps, op.stop))).toBeOneOf(['read', 'cut', 'refused']);
    }),
    { numRuns: 3000, seed: 11 },
  );
});

describe('a pickle made to exhaust memory or time is refused', () => {
  const many = 2 ** 20;
  const ones = Array<number>(100_000).fill(1);
  /** Lists within lists, each holding the one before `fan` times: fan^depth values in a few bytes. */
  const laughs = (depth: number, fan: number, last: Uint8Array): Uint8Array =>
    join(
      [op.proto(), last, op.put(0)],
      ...Array.from({ length: depth }, (_, i) =>
        join(op.list, op.mark, repeat(op.get(i), fan), bytes(0x65), op.put(i + 1)),
      ),
      op.stop,
    );
  const circle = join(op.proto(), op.list, op.put(0), op.get(0), op.append, op.stop);
  const circularDict = join(op.proto(), op.dict, op.put(0), op.text('x'), op.get(0), op.setItem, op.stop);
  /** One call after another that copies the same long list. */
  const copies = join(
    [op.proto(), op.list, op.mark, repeat(op.none, 100_000), bytes(0x65), op.put(0), bytes(0x85), op.put(1)],
    repeat(join(op.global('torch', 'Size'), op.get(1), op.reduce), 10),
    op.stop,
  );

  test.each([
    ['a million lists', () => join(op.proto(), repeat(op.list, many), op.stop)],
    ['a million dicts in a list', () => join(op.proto(), op.list, repeat(join(op.dict, op.append), many), op.stop)],
    ['a million marks', () => join(op.proto(), repeat(op.mark, many), op.stop)],
    ['a million memo entries', () => join(op.proto(), op.none, repeat(bytes(0x94), many), op.stop)],
    ['a million waiting values', () => join(op.proto(), repeat(op.none, many), op.stop)],
    ['lists that unfold a billion times', () => laughs(9, 10, tensorOf({ shape: [1] }))],
    ['empty lists that unfold a billion times', () => laughs(9, 10, op.list)],
    ['a list that holds itself', () => circle],
    ['a dict that holds itself', () => circularDict],
    ['a long list that is copied again and again', () => copies],
    ['a text of four gigabytes', () => join(op.proto(), 'X', uint32(0xffffffff), op.stop)],
    ['bytes without end', () => join(op.proto(), bytes(0x8e), uint64(Number.MAX_SAFE_INTEGER), op.stop)],
    [
      'a whole number of a megabyte',
      () => join(op.proto(), bytes(0x8b), uint32(2 ** 20), repeat(bytes(1), 2 ** 20), op.stop),
    ],
    ['a name of a megabyte', () => join(op.proto(), 'c', repeat(bytes(0x61), 2 ** 20), op.stop)],
    [
      'a shape of a hundred thousand dimensions',
      () => pickleOf({ w: tensorOf({ shape: ones, stride: ones, length: 1 }) }),
    ],
  ])('%s', async (_, pickle) => {
    const file = saved(pickle());
    const before = process.memoryUsage().rss;
    expect(await readAll(file)).toEqual({ code: 'FREEBIND_FILE_INVALID' });
    // `MOST_VALUES` of some 200 bytes are 100 MiB; the heap may grow by as much again before it is cleaned, and once more.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20);
  });

  test('a zip that claims four billion entries', async () => {
    const file = Buffer.from(zipOf({ 'x/data.pkl': pickleOf({}) }, { zip64: true }));
    const end = file.lastIndexOf('PK\x06\x06');
    file.writeBigUInt64LE(2n ** 32n, end + 24);
    file.writeBigUInt64LE(2n ** 32n, end + 32);
    expect(await readAll(file)).toEqual({ code: 'FREEBIND_FILE_INVALID' });
  });
});
