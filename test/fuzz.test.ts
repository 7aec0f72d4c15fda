import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Reader } from '../fuzz/reader.ts';
import { READERS } from '../fuzz/readers.ts';
import { fuzz } from '../fuzz/trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'freebind-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

// `npm run fuzz` reads a million inputs with each, in a process that may do nothing else. Here it is a second or two each and not
// ten: all tests together have eight minutes on two cores, and a seed that does not change finds no more by reading longer.
describe.each(READERS.map((reader) => [reader.name, reader] as const))('the reader of %s', (_, reader) => {
  test('reads or refuses whatever is in a file, in little time and memory', async () => {
    const inputs = reader.batch === undefined ? 150 : 30;
    const { ends } = await fuzz(reader, { inputs, seed: 5, folder });
    // Inputs that are all read, or all refused, would show little.
    expect(ends['read']).toBeGreaterThan(0);
    expect(Object.keys(ends).length).toBeGreaterThan(1);
  });
});

const reader = (read: Reader['read']): Reader => ({
  name: 'faulty',
  extension: 'bin',
  inputs: fc.uint8Array({ minLength: 1, maxLength: 1 }),
  read,
});

const refuse = (): Promise<never> => Promise.reject(new FreebindError('FREEBIND_FILE_INVALID', 'is damaged'));

describe('fuzzing finds a reader that', () => {
  const kept: Uint8Array[] = [];
  test.each<[string, Reader['read'], RegExp]>([
    ['crashes', () => Promise.reject(new TypeError('undefined is not a function')), /Property failed/],
    ['takes too much memory', async () => kept.push(new Uint8Array(2 ** 22).fill(1)), /Property failed/],
    ['writes a file', async () => writeFileSync(join(folder, 'written'), ''), /Files were written: written/],
  ])('%s', async (_, read, message) => {
    await expect(fuzz(reader(read), { inputs: 1, seed: 1, folder })).rejects.toThrow(message);
    rmSync(join(folder, 'written'), { force: true });
  });

  test('and lets one be that refuses', async () => {
    expect(await fuzz(reader(refuse), { inputs: 5, seed: 1, folder })).toMatchObject({
      ends: { FREEBIND_FILE_INVALID: 5 },
    });
  });
});
