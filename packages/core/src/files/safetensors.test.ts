import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFreebindError } from '../errors.ts';
import type { Reals } from '../matrix.ts';
import type { Tensor } from '../network.ts';
import { encodeF16 } from './half.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';
import { writeSafetensors } from './safetensors-writer.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-safetensors-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** A safetensors file put together by hand; `length` is what it claims of its header. */
function fileBytes(header: unknown, data: Uint8Array = new Uint8Array(), length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** Whether a file is refused as invalid, or gives tensors of at most `bytes` numbers in all. */
async function isRefusedOrFits(path: string, bytes: number): Promise<boolean> {
  let file: SafetensorsFile | undefined;
  try {
    file = await openSafetensors(path);
    let total = 0;
    for (const name of file.names) total += (await file.tensor(name)).data.length;
    return total <= bytes;
  } catch (error) {
    return isFreebindError(error, 'FREEBIND_FILE_INVALID');
  } finally {
    await file?.close();
  }
}

const tensor = (dtype: unknown, shape: unknown, offsets: unknown): unknown => ({ dtype, shape, data_offsets: offsets });
const sixteen = new Uint8Array(16);
const two = { a: tensor('F32', [2], [0, 8]), b: tensor('F32', [2], [8, 16]) };

describe('a damaged or lying safetensors file', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['is empty', new Uint8Array(), 'has 0 bytes'],
    ['claims a header longer than the file', fileBytes(two, sixteen, 5000n), 'cut short or lies'],
    ['claims a header of more than 100 MB', fileBytes(two, sixteen, 100_000_001n), '100 MB'],
    ['claims a header of 2⁶⁴ − 1 bytes', fileBytes(two, sixteen, 2n ** 64n - 1n), '100 MB'],
    ['has a header that is not JSON', fileBytes('{"a": nonsense}'), 'not JSON'],
    ['has a header that is not UTF-8', fileBytes(two, sixteen).fill(0xff, 10, 12), 'not JSON'],
    ['has a header that is a list', fileBytes([1, 2]), 'not a JSON object'],
    ['has a header that is null', fileBytes('null'), 'not a JSON object'],
    ['describes a tensor by a number', fileBytes({ a: 7 }), 'not described by an object'],
    [
      'has tensors that overlap',
      fileBytes({ ...two, b: tensor('F32', [3], [4, 16]) }, sixteen),
      'overlaps tensor "a" by 4',
    ],
    [
      'has two tensors in one place',
      fileBytes({ a: tensor('F32', [4], [0, 16]), b: tensor('F32', [4], [0, 16]) }, sixteen),
      'overlaps',
    ],
    [
      'has a gap',
      fileBytes({ ...two, b: tensor('F32', [1], [12, 16]) }, sixteen),
      '4 bytes between tensor "a" and tensor "b"',
    ],
    ['has a gap at the start', fileBytes({ b: tensor('F32', [2], [8, 16]) }, sixteen), '8 bytes between the header'],
    ['has bytes to spare', fileBytes({ a: tensor('F32', [2], [0, 8]) }, sixteen), '8 bytes after tensor "a"'],
    ['has a tensor that leaves the file', fileBytes({ a: tensor('F32', [8], [0, 32]) }, sixteen), 'ends at byte 32'],
    [
      'has a size that does not match the shape',
      fileBytes({ a: tensor('F32', [3], [0, 16]) }, sixteen),
      'takes 12 bytes',
    ],
    ['has a shape that overflows', fileBytes({ a: tensor('F32', [2 ** 40, 2 ** 40], [0, 16]) }, sixteen), 'takes'],
    ['has a shape that overflows to 2⁶⁴', fileBytes({ a: tensor('F32', [2 ** 31, 2 ** 31, 1], [0, 0]) }), 'takes'],
    [
      'has a shape that overflows and holds a zero',
      fileBytes({ a: tensor('F32', [2 ** 52, 0, 2 ** 52], [0, 16]) }, sixteen),
      'takes',
    ],
    ['has a negative shape', fileBytes({ a: tensor('F32', [-2, -2], [0, 16]) }, sixteen), 'no shape'],
    ['has a shape of fractions', fileBytes({ a: tensor('F32', [1.5], [0, 6]) }, sixteen), 'no shape'],
    ['has offsets in the wrong order', fileBytes({ a: tensor('F32', [2], [8, 0]) }, sixteen), 'data_offsets'],
    [
      'has offsets beyond whole numbers',
      fileBytes('{"a":{"dtype":"F32","shape":[2],"data_offsets":[1e300,1e301]}}'),
      'data_offsets',
    ],
    ['has one offset', fileBytes({ a: tensor('F32', [2], [8]) }, sixteen), 'data_offsets'],
    ['has an unknown type', fileBytes({ a: tensor('F31', [4], [0, 16]) }, sixteen), '"F31"'],
    [
      'repeats a tensor',
      fileBytes(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        sixteen.subarray(12),
      ),
      '"a" twice',
    ],
    [
      'repeats a key of a tensor',
      fileBytes('{"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}', sixteen.subarray(12)),
      '"dtype" twice',
    ],
    [
      'has a type that nests deeper than the stack',
      fileBytes(`{"a":{"dtype":${'['.repeat(200_000)}${']'.repeat(200_000)},"shape":[],"data_offsets":[0,0]}}`),
      'is of type object',
    ],
    ['has metadata that is not text', fileBytes({ __metadata__: { a: 1 } }), 'metadata "a"'],
  ];

  test.each(cases)('is refused when it %s', async (_, bytes, found) => {
    const path = join(dir, 'bad.safetensors');
    await writeFile(path, bytes);
    const error = await openSafetensors(path).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(String(error)).toContain(found);
  });

  test('is not quoted whole when a shape goes on for pages', async () => {
    const path = join(dir, 'bad.safetensors');
    await writeFile(path, fileBytes({ a: tensor('F32', Array<number>(5000).fill(1), [0, 16]) }, sixteen));
    const error = await openSafetensors(path).catch((e: unknown) => e);
    expect(String(error)).toContain('of shape [1, 1, 1, 1, 1, 1, 1, 1, …]');
    expect(String(error).length).toBeLessThan(1000);
  });

  test('is refused as the golden file', async () => {
    const golden = new URL('../../../../fixtures/golden/projectors/malicious/bad_header.safetensors', import.meta.url);
    await expect(openSafetensors(fileURLToPath(golden))).rejects.toThrow('claims a header of');
  });

  test('whatever byte of the header changes, every tensor stays within the file', async () => {
    const good = fileBytes({ __metadata__: { k: 'v' }, ...two }, sixteen);
    const path = join(dir, 'fuzz.safetensors');
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 17), fc.nat(255), async (at, byte) => {
        const bytes = good.slice();
        bytes[at] = byte;
        await writeFile(path, bytes);
        expect(await isRefusedOrFits(path, 16)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a sound safetensors file', () => {
  test('gives back what was written, whatever the shapes and names', async () => {
    const path = join(dir, 'round.safetensors');
    const shape = fc.array(fc.nat(5), { maxLength: 4 });
    const tensors = fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      fc.tuple(shape, fc.boolean()).map(([shape, wide]): Tensor => {
        const size = shape.reduce((a, b) => a * b, 1);
        const numbers = Float64Array.from({ length: size }, (_, i) => i / 3 - 1);
        return { shape, data: wide ? numbers : Float32Array.from(numbers) };
      }),
    );
    const metadata = fc.dictionary(fc.string(), fc.string());
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (written, words) => {
        await writeSafetensors(path, written, words);
        const file = await openSafetensors(path);
        expect(file.names).toEqual(Object.keys(written).sort());
        expect(file.metadata).toEqual({ ...words });
        for (const [name, value] of Object.entries(written)) expect(await file.tensor(name)).toEqual(value);
        await file.close();
      }),
      { numRuns: 60 },
    );
  });

  test('is the same bytes whatever the order in which tensors are given, with aligned data', async () => {
    const [p, q] = [join(dir, 'p'), join(dir, 'q')];
    const a = { shape: [3], data: Float32Array.of(1, 2, 3) };
    const b = { shape: [2], data: Float64Array.of(4, 5) };
    await writeSafetensors(p, { a, b }, { x: '1', y: '2' });
    await writeSafetensors(q, { b, a }, { y: '2', x: '1' });
    const bytes = await readFile(p);
    expect(bytes).toEqual(await readFile(q));
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    // The wide tensor stands first: 16 bytes, then 12.
    expect(bytes.readDoubleLE(8 + length)).toBe(4);
    expect(bytes.length).toBe(8 + length + 28);
  });

  test.each<[string, Uint8Array, Reals]>([
    ['F16', new Uint8Array(encodeF16([0.5, -2]).buffer), Float32Array.of(0.5, -2)],
    ['BF16', Uint8Array.of(0x80, 0x3f, 0x20, 0xc0), Float32Array.of(1, -2.5)],
    ['F32', new Uint8Array(Float32Array.of(0.1, 7).buffer), Float32Array.of(0.1, 7)],
    ['F64', new Uint8Array(Float64Array.of(0.1, 7).buffer), Float64Array.of(0.1, 7)],
    ['I64', new Uint8Array(BigInt64Array.of(-5n, 2n ** 40n).buffer), Float64Array.of(-5, 2 ** 40)],
    ['I32', new Uint8Array(Int32Array.of(-5, 6).buffer), Float64Array.of(-5, 6)],
    ['U8', Uint8Array.of(255, 3), Float64Array.of(255, 3)],
    ['BOOL', Uint8Array.of(0, 1), Float64Array.of(0, 1)],
  ])('reads %s', async (dtype, data, numbers) => {
    const path = join(dir, 'dtype.safetensors');
    await writeFile(path, fileBytes({ x: tensor(dtype, [2], [0, data.length]) }, data));
    const file = await openSafetensors(path);
    expect(file.info('x')).toEqual({ dtype, shape: [2] });
    expect(await file.tensor('x')).toEqual({ shape: [2], data: numbers });
    await file.close();
  });

  test('gives 2-D tensors as tables, and only those', async () => {
    const path = join(dir, 'table.safetensors');
    const numbers = Float32Array.from({ length: 12 }, (_, i) => i);
    await writeSafetensors(
      path,
      { t: { shape: [4, 3], data: numbers }, v: { shape: [12], data: numbers } },
      {},
      { format: 'F16' },
    );
    const file = await openSafetensors(path);
    expect(file.info('t').dtype).toBe('F16');
    const table = file.table('t');
    expect((await table.read(1, 3)).data).toEqual(numbers.slice(3, 9));
    expect((await table.gather([3, 0])).data).toEqual(Float32Array.of(9, 10, 11, 0, 1, 2));
    expect(() => file.table('v')).toThrow('a table is 2-D');
    expect(() => file.table('w')).toThrow('it has t, v');
    await file.close();
    await expect(table.read(0, 1)).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });

  test('refuses a table of no rows and a width beyond reason', async () => {
    const path = join(dir, 'x.safetensors');
    await writeFile(path, fileBytes({ a: tensor('F32', [0, 2 ** 52], [0, 0]) }));
    const file = await openSafetensors(path);
    expect(() => file.table('a')).toThrow(/x\.safetensors says that it has 0 rows of 4503599627370496 columns/);
    expect((await file.tensor('a')).data.length).toBe(0);
    await file.close();
  });

  test('names types that it does not read', async () => {
    const path = join(dir, 'f8.safetensors');
    await writeFile(path, fileBytes({ x: tensor('F8_E4M3', [2], [0, 2]) }, new Uint8Array(2)));
    const file = await openSafetensors(path);
    await expect(file.tensor('x')).rejects.toThrow('F8_E4M3');
    await file.close();
  });

  test('is not written when numbers do not fill a shape', async () => {
    const wrong = { a: { shape: [3], data: new Float32Array(2) } };
    await expect(writeSafetensors(join(dir, 'no'), wrong)).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });
});
