import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isFreebindError } from '../errors.ts';
import { gatherRows, type Matrix, matrix, sliceRows } from '../matrix.ts';
import { decodeF16, encodeF16 } from './half.ts';
import { createNpy, openNpy, writeNpy } from './npy.ts';
import type { NpyDtype } from './npy-header.ts';

const fixtures = fileURLToPath(new URL('../../../../fixtures/npy/', import.meta.url));
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-npy-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** A `.npy` file put together by hand: `head` is the dictionary, `version` 1 unless said. */
function npyBytes(head: string, data: Uint8Array = new Uint8Array(), version = 1): Uint8Array {
  const text = new TextEncoder().encode(head);
  const lengthBytes = version === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, 8 + lengthBytes);
  bytes.set(data, 8 + lengthBytes + text.length);
  return bytes;
}

const dict = (shape: string, descr = "'<f4'", order = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

async function readAll(path: string): Promise<Matrix> {
  const table = await openNpy(path);
  try {
    return await table.read(0, table.rows);
  } finally {
    await table.close();
  }
}

/** Whether two matrices are the same bit for bit, of one shape and precision. */
function same(a: Matrix, b: Matrix): boolean {
  return (
    a.rows === b.rows && a.cols === b.cols && a.data.constructor === b.data.constructor && bytesOf(a).equals(bytesOf(b))
  );
}

function bytesOf({ data }: Matrix): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Whether a file is refused as invalid, or gives a table of at most `bytes` bytes in the narrowest dtype. */
async function isRefusedOrFits(path: string, bytes: number): Promise<boolean> {
  try {
    const table = await openNpy(path);
    await table.close();
    return table.rows * table.cols * 2 <= bytes;
  } catch (error) {
    return isFreebindError(error, 'FREEBIND_FILE_INVALID');
  }
}

describe('reading what NumPy wrote', () => {
  const numbers = [0.5, -1.25, 3, 2 ** -14, 1 / 1024, -7, 65504, 2 ** -24, -0];

  test.each(['f2', 'f4', 'f8'] as const)('reads %s, in its precision', async (dtype) => {
    const { data, rows, cols } = await readAll(join(fixtures, `table.${dtype}.npy`));
    expect([rows, cols]).toEqual([3, 3]);
    expect(data).toEqual(dtype === 'f8' ? Float64Array.from(numbers) : Float32Array.from(numbers));
  });

  test.each([
    ['fortran.npy', 'Fortran order', 'np.ascontiguousarray'],
    ['big-endian.npy', 'not little-endian', "x.astype('<f4')"],
    ['ragged.npy', 'ragged', 'np.asarray(r'],
    ['records.npy', 'holds numbers of type [', "x.astype('<f4')"],
  ])('refuses %s and says the line that mends it', async (name, found, mend) => {
    const error = await openNpy(join(fixtures, name)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(String(error)).toContain(found);
    expect(String(error)).toContain(mend);
    expect(String(error)).toContain(name);
  });
});

describe('a damaged or lying .npy', () => {
  const six = new Uint8Array(24);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['is empty', new Uint8Array(), 'does not begin with'],
    ['is something else', new TextEncoder().encode('a,b,c\n1,2,3\n4,5,6\n'), 'does not begin with'],
    ['ends within its header', npyBytes(dict('(2, 3)'), six).subarray(0, 40), 'cut short'],
    ['ends within its header length', npyBytes(dict('(2, 3)'), six, 2).subarray(0, 11), 'within its header'],
    ['is of an unknown version', npyBytes(dict('(2, 3)'), six, 9), 'version 9'],
    ['claims a giant header', npyBytes(dict('(2, 3)').padEnd(20_000), six), '20000 bytes long'],
    ['claims a header of 4 GiB', npyBytes(dict('(2, 3)'), six, 2).fill(0xff, 8, 12), '4294967295 bytes long'],
    ['is truncated', npyBytes(dict('(2, 3)'), six.subarray(1)), '24 bytes of numbers, but has 23'],
    ['has bytes to spare', npyBytes(dict('(2, 3)'), new Uint8Array(28)), 'something follows the array'],
    ['claims more rows than it has', npyBytes(dict('(1000000000, 3)'), six), '12000000000 bytes'],
    ['claims a shape that overflows', npyBytes(dict('(99999999999, 99999999999)'), six), 'more than any disk'],
    ['claims endless empty rows', npyBytes(dict('(99999999999999999999, 0)')), 'rows without columns'],
    ['has no rows, of a width beyond reason', npyBytes(dict('(0, 16777217)')), '0 rows of 16777217 columns'],
    ['has no rows, of a width that is no number', npyBytes(dict(`(0, 1${'0'.repeat(24)})`)), '0 rows of 1e+24 columns'],
    ['has no rows, of a width beyond all numbers', npyBytes(dict(`(0, 1${'0'.repeat(400)})`)), 'more than any disk'],
    ['has one dimension', npyBytes(dict('(6,)'), six), '1-D'],
    ['has no dimension', npyBytes(dict('()'), six.subarray(0, 4)), '0-D'],
    ['has three dimensions', npyBytes(dict('(1, 2, 3)'), six), 'x.reshape(len(x), -1)'],
    ['has a negative shape', npyBytes(dict('(-2, -3)'), six), 'not a tuple of whole numbers'],
    ['holds integers', npyBytes(dict('(2, 3)', "'<i4'"), six), "'<i4'"],
    ['holds complex numbers', npyBytes(dict('(2, 3)', "'<c8'"), six), "'<c8'"],
    ['is big-endian', npyBytes(dict('(2, 3)', "'>f4'"), six), 'not little-endian'],
    ['says no byte order', npyBytes(dict('(2, 3)', "'f4'"), six), 'not little-endian'],
    ['is neither C nor Fortran', npyBytes(dict('(2, 3)', "'<f4'", 'Maybe'), six), 'True or False'],
    ['repeats a key', npyBytes(`{'descr': '<f4', 'descr': '<f8', 'shape': (2, 3)}`, six), 'dictionary'],
    ['lacks a key', npyBytes(`{'descr': '<f4', 'shape': (2, 3)}`, six), 'dictionary'],
    ['has a key too many', npyBytes(dict('(2, 3)').replace('{', "{'x': 1, "), six), 'dictionary'],
    ['holds a call where the shape stands', npyBytes(dict('exit()'), six), 'dictionary'],
  ];

  test.each(cases)('is refused when it %s', async (_, bytes, found) => {
    const path = join(dir, 'bad.npy');
    await writeFile(path, bytes);
    const error = await openNpy(path).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(String(error)).toContain(found);
  });

  test('is not quoted whole when its shape goes on for pages', async () => {
    const path = join(dir, 'bad.npy');
    await writeFile(path, npyBytes(dict(`(${'1,'.repeat(4000)})`), six));
    const error = await openNpy(path).catch((e: unknown) => e);
    expect(String(error)).toContain('4000-D');
    expect(String(error).length).toBeLessThan(1000);
  });

  test('is an error, not zeros, when something cuts the file short behind the reader', async () => {
    const path = join(dir, 'shrinks.npy');
    await writeNpy(path, matrix(100, 4, new Float32Array(400).fill(1)));
    const table = await openNpy(path);
    await truncate(path, 128 + 50 * 16 + 3);
    expect((await table.read(0, 50)).data).toEqual(new Float32Array(200).fill(1));
    for (const read of [() => table.read(40, 60), () => table.gather([99]), () => table.gather([0, 50])])
      await expect(read()).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    await table.close();
  });

  test('random bytes in the head are refused or give a table that fits the file', async () => {
    const good = npyBytes(dict('(2, 3)'), six);
    const path = join(dir, 'fuzz.npy');
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 25), fc.nat(255), async (at, byte) => {
        const bytes = good.slice();
        bytes[at] = byte;
        await writeFile(path, bytes);
        expect(await isRefusedOrFits(path, 24)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('reading in parts', () => {
  test('gives any rows, in any order and more than once, as the matrix would', async () => {
    const path = join(dir, 'parts.npy');
    const shapes = fc.record({
      rows: fc.integer({ min: 1, max: 40 }),
      // Rows of 900 float64 lie too far apart to be fetched together once one of them is not wanted.
      cols: fc.constantFrom(1, 3, 900),
      dtype: fc.constantFrom<NpyDtype[]>('f2', 'f4', 'f8'),
    });
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(fc.nat(1000), { maxLength: 50 }), async ({ rows, cols, dtype }, wild) => {
        // Whole numbers up to 2048 are exact in every dtype.
        const numbers = Float64Array.from({ length: rows * cols }, (_, i) => (i * 31) % 2048);
        const whole = matrix(rows, cols, dtype === 'f8' ? numbers : Float32Array.from(numbers));
        await writeNpy(path, whole, { dtype });
        const table = await openNpy(path);
        const indices = wild.map((i) => i % rows);
        const [start = 0, end = rows] = indices.slice(0, 2).sort((a, b) => a - b);
        const gathered = await table.gather(indices);
        const again = await table.gather([...indices].reverse(), gathered.data.slice());
        const read = await table.read(start, end);
        await table.close();
        expect(same(gathered, gatherRows(whole, indices))).toBe(true);
        expect(same(again, gatherRows(whole, [...indices].reverse()))).toBe(true);
        expect(same(read, sliceRows(whole, start, end))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['a fast disk, in turns', 0.05],
    ['a slow disk, in parallel', 10],
  ])('gathers the same rows from %s', async (_, millisecondsPerRead) => {
    const path = join(dir, 'disk.npy');
    // Rows of 12 kB, each fetched by a read of its own.
    const whole = matrix(
      400,
      3000,
      Float32Array.from({ length: 1_200_000 }, (_, i) => i),
    );
    await writeNpy(path, whole);
    const table = await openNpy(path);
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += millisecondsPerRead));
    const indices = Array.from({ length: 300 }, (_, i) => (i * 222) % 400);
    const gathered = await table.gather(indices);
    clock.mockRestore();
    await table.close();
    expect(same(gathered, gatherRows(whole, indices))).toBe(true);
  });

  test.each<[NpyDtype, Float32Array | Float64Array]>([
    ['f2', new Float32Array(6)],
    ['f4', new Float32Array(6)],
    ['f8', new Float64Array(6)],
  ])('gathers rows of %s into memory of their size and precision', async (dtype, into) => {
    const path = join(dir, 'into.npy');
    await writeNpy(path, matrix(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6)), { dtype });
    const table = await openNpy(path);
    const { data } = await table.gather([2, 0, 1], into);
    const unfit = await table.gather([2, 0], into);
    await table.close();
    expect(data).toBe(into);
    expect([...into]).toEqual([5, 6, 1, 2, 3, 4]);
    expect([...unfit.data]).toEqual([5, 6, 1, 2]);
  });

  test('refuses rows that are not there', async () => {
    const table = await openNpy(join(fixtures, 'table.f4.npy'));
    const beyond = [
      [0, 4],
      [2, 1],
      [-1, 1],
    ] as const;
    for (const [start, end] of beyond)
      await expect(table.read(start, end)).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
    for (const row of [3, -1, 0.5])
      await expect(table.gather([row])).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
    await table.close();
  });

  test('finishes reads that are under way when it is closed, and refuses later ones', async () => {
    const path = join(dir, 'closing.npy');
    await writeNpy(path, matrix(2000, 300));
    const table = await openNpy(path);
    const underWay = table.read(0, 2000);
    await Promise.all([table.close(), table.close()]);
    expect((await underWay).rows).toBe(2000);
    await expect(table.read(0, 1)).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
    await expect(table.gather([0])).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });

  test('reads a table of no rows', async () => {
    const path = join(dir, 'empty.npy');
    await writeNpy(path, matrix(0, 5));
    const table = await openNpy(path);
    expect([table.rows, table.cols]).toEqual([0, 5]);
    expect((await table.gather([])).data).toEqual(new Float32Array());
    expect((await table.read(0, 0)).rows).toBe(0);
    await table.close();
  });

  test('names what is missing', async () => {
    await expect(openNpy(join(dir, 'nowhere.npy'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    await expect(openNpy(dir)).rejects.toThrow('a folder');
  });
});

describe('writing', () => {
  test('streams rows and completes the header at the end', async () => {
    const path = join(dir, 'stream.npy');
    const writer = await createNpy(path, { cols: 2, dtype: 'f4' });
    for (let i = 0; i < 5; i++) await writer.append(matrix(2, 2, Float32Array.of(i, i, -i, -i)));
    await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(writer.rows).toBe(10);
    await writer.commit();
    await writer.discard();
    const { rows, data } = await readAll(path);
    expect(rows).toBe(10);
    expect(data.slice(-4)).toEqual(Float32Array.of(4, 4, -4, -4));
  });

  test('leaves nothing behind when it is discarded or refuses rows', async () => {
    const before = await readdir(dir);
    const writer = await createNpy(join(dir, 'gone.npy'), { cols: 2 });
    await expect(writer.append(matrix(1, 3))).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
    await writer.discard();
    await expect(createNpy(join(dir, 'gone.npy'), { cols: 0 })).rejects.toMatchObject({
      code: 'FREEBIND_SHAPE_MISMATCH',
    });
    expect(await readdir(dir)).toEqual(before);
  });

  test('rounds to half precision when asked', async () => {
    const path = join(dir, 'half.npy');
    const numbers = Float64Array.of(1 / 3, -1e-8, 70000, 0.1);
    await writeNpy(path, matrix(2, 2, numbers), { dtype: 'f2' });
    expect((await readAll(path)).data).toEqual(decodeF16(encodeF16(numbers)));
  });

  test('writes the very bytes that NumPy writes', async () => {
    for (const dtype of ['f2', 'f4', 'f8'] as const) {
      const fixture = join(fixtures, `table.${dtype}.npy`);
      const path = join(dir, 'same.npy');
      await writeNpy(path, await readAll(fixture), { dtype });
      expect(await readFile(path)).toEqual(await readFile(fixture));
    }
  });
});

const python = spawnSync('python3', ['-c', 'import numpy']).status === 0;
describe.skipIf(!python)(
  `beside NumPy itself${python ? '' : ' (skipped: python3 with numpy is not installed)'}`,
  () => {
    test('reads and writes random tables as NumPy does', async () => {
      const made = join(dir, 'numpy');
      const make = `
import numpy as np, os, sys
os.makedirs(sys.argv[1]); rng = np.random.default_rng(7)
for i in range(12):
    rows, cols = rng.integers(0, 40), rng.integers(1, 20)
    x = rng.standard_normal((rows, cols)) * 10.0 ** rng.integers(-6, 5)
    dtype = ('<f2', '<f4', '<f8')[i % 3]
    with np.errstate(over='ignore'): y = x.astype(dtype)
    np.save(f'{sys.argv[1]}/{i}.npy', y)
    np.save(f'{sys.argv[1]}/{i}.from.npy', x)
    np.save(f'{sys.argv[1]}/{i}.wide.npy', y.astype('<f8'))
`;
      execFileSync('python3', ['-c', make, made]);
      for (let i = 0; i < 12; i++) {
        const dtype = (['f2', 'f4', 'f8'] as const)[i % 3] ?? 'f8';
        const theirs = join(made, `${i}.npy`);
        const original = await readAll(join(made, `${i}.from.npy`));
        const ours = join(dir, 'ours.npy');
        await writeNpy(ours, original, { dtype });
        expect(await readFile(ours)).toEqual(await readFile(theirs));
        // NumPy's own widening of what it stored, which is exact.
        expect(Float64Array.from((await readAll(theirs)).data)).toEqual(
          (await readAll(join(made, `${i}.wide.npy`))).data,
        );
      }
    });
  },
);

test('gives rows as they are stored, into memory of exactly their size', async () => {
  const path = join(dir, 'stored.npy');
  await writeNpy(path, matrix(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6)), { dtype: 'f2' });
  const table = await openNpy(path);
  const halves = new Uint16Array(4);
  await table.stored?.readInto(1, 3, new Uint8Array(halves.buffer));
  expect(table.stored?.format).toBe('F16');
  expect([...decodeF16(halves)]).toEqual([3, 4, 5, 6]);
  await expect(table.stored?.readInto(1, 3, new Uint8Array(4))).rejects.toMatchObject({
    code: 'FREEBIND_SHAPE_MISMATCH',
  });
  await table.close();
});
