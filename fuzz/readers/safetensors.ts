import { openSafetensors } from '@freebind/core/files';
import * as fc from 'fast-check';
import { damaged, sizes } from '../damage.ts';
import type { Reader } from '../reader.ts';

const BYTES: Readonly<Record<string, number>> = Object.fromEntries(
  [
    ['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3'],
    ['I16', 'U16', 'F16', 'BF16'],
    ['I32', 'U32', 'F32'],
    ['F64', 'I64', 'U64'],
  ].flatMap((names, i) => names.map((name) => [name, 2 ** i])),
);
const dtype = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...Object.keys(BYTES)) },
  fc.constantFrom('f32', 'F31', '', 'constructor', '__proto__', 7, null),
);
const name = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 6 }) },
  fc.constantFrom('__metadata__', '__proto__', 'constructor', 'toString', '0', '../x', '\u0000', '🎧'),
);
const tensor = fc.record({
  name,
  dtype,
  shape: fc.array(sizes, { maxLength: 4 }),
  /** How far its offsets are from where they should be. */
  lie: fc.oneof({ weight: 10, arbitrary: fc.constant([0, 0] as const) }, fc.tuple(fc.integer(), sizes)),
});
const junk = fc.jsonValue({ maxDepth: 4 });

/** Headers of tensors one after another that may lie of themselves, with metadata, junk and keys that repeat. */
const files = fc
  .record({
    tensors: fc.array(tensor, { maxLength: 5 }),
    metadata: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: fc.dictionary(fc.string({ maxLength: 6 }), fc.string({ maxLength: 20 })) },
      junk,
    ),
    junk: fc.option(fc.tuple(name, junk), { freq: 8, nil: undefined }),
    nested: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.nat(5000)),
    length: fc.oneof(
      { weight: 10, arbitrary: fc.constant(undefined) },
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.bigInt(0n, 300n),
    ),
    missing: fc.oneof({ weight: 10, arbitrary: fc.constant(0) }, fc.integer({ min: -9, max: 9 })),
  })
  .map(({ tensors, metadata, junk, nested, length, missing }) => {
    let at = 0;
    const entries = tensors.map(({ name, dtype, shape, lie }) => {
      const bytes = shape.reduce((product, n) => product * n, BYTES[String(dtype)] ?? 1);
      const start = at;
      if (bytes <= 4096) at += bytes;
      return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [start + lie[0], start + bytes + lie[1]] })}`;
    });
    if (metadata !== undefined) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
    if (junk !== undefined) entries.push(`${JSON.stringify(junk[0])}:${JSON.stringify(junk[1])}`);
    if (nested > 0) entries.push(`"deep":${'['.repeat(nested)}${']'.repeat(nested)}`);
    const header = new TextEncoder().encode(`{${entries.join(',')}}`);
    const file = new Uint8Array(8 + header.length + Math.max(0, at + missing));
    new DataView(file.buffer).setBigUint64(0, length ?? BigInt(header.length), true);
    file.set(header, 8);
    return file;
  });

export const safetensors: Reader = {
  name: 'safetensors',
  extension: 'safetensors',
  inputs: damaged(files),
  read: async (path) => {
    const file = await openSafetensors(path);
    try {
      // Types that are not read are refused one by one.
      const readable = file.names.filter((name) => !file.info(name).dtype.startsWith('F8'));
      for (const name of readable) await file.tensor(name);
      for (const name of file.names) {
        const [rows = 0, cols = 0, ...more] = file.info(name).shape;
        if (more.length === 0 && cols > 0 && /^(F16|BF16|F32|F64)$/.test(file.info(name).dtype)) {
          const table = file.table(name);
          await table.read(0, rows);
        }
      }
    } finally {
      await file.close();
    }
  },
};
