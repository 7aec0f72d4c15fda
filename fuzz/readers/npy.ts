import { openNpy } from '@freebind/core/files';
import * as fc from 'fast-check';
import { damaged, sizes } from '../damage.ts';
import type { Reader } from '../reader.ts';

const BYTES: Readonly<Record<string, number>> = { f2: 2, f4: 4, f8: 8 };

const descr = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("'<f2'", "'<f4'", "'<f8'") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "'>f4'",
      "'|O'",
      "'<i8'",
      "'|u1'",
      "[('a', '<f4')]",
      "'<f4",
      '"<f4"',
      "'<c8'",
      "'<U7'",
      '7',
    ),
  },
);
const shape = fc
  .oneof({ weight: 6, arbitrary: fc.tuple(sizes, sizes) }, { weight: 1, arbitrary: fc.array(sizes, { maxLength: 5 }) })
  .chain((dims) =>
    fc
      .constantFrom(`(${dims.join(', ')})`, `(${dims.join(', ')},)`, `[${dims.join(', ')}]`, `(${dims.join('L, ')}L)`)
      .map((text) => ({ dims, text })),
  );
const order = fc.oneof({ weight: 8, arbitrary: fc.constant('False') }, fc.constantFrom('True', 'None', '0', 'false'));

/** Heads in which every field may lie, in every version, with as many numbers as they say (up to a limit) or not. */
const files = fc
  .record({
    descr,
    shape,
    order,
    version: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(1, 2, 3) }, fc.nat(255)),
    extra: fc.oneof({ weight: 8, arbitrary: fc.constant('') }, fc.string({ maxLength: 30 })),
    padding: fc.oneof({ weight: 8, arbitrary: fc.nat(80) }, fc.constant(12_000)),
    lie: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: -200, max: 70_000 })),
    numbers: fc.uint8Array({ maxLength: 64 }),
  })
  .map(({ descr, shape, order, version, extra, padding, lie, numbers }) => {
    const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape.text}, ${extra}}${' '.repeat(padding)}\n`;
    const header = new TextEncoder().encode(text);
    const wide = version !== 1;
    const head = new Uint8Array(wide ? 12 : 10);
    head.set([0x93, ...new TextEncoder().encode('NUMPY'), version, 0]);
    const length = Math.max(0, header.length + lie);
    if (wide) new DataView(head.buffer).setUint32(8, length, true);
    else new DataView(head.buffer).setUint16(8, length, true);
    const bytes = shape.dims.reduce((product, n) => product * n, BYTES[descr.slice(2, 4)] ?? 1);
    const body = bytes <= 4096 ? new Uint8Array(bytes) : new Uint8Array(16);
    body.set(numbers.subarray(0, body.length));
    return Uint8Array.from([...head, ...header, ...body]);
  });

export const npy: Reader = {
  name: 'npy',
  extension: 'npy',
  inputs: damaged(files),
  read: async (path) => {
    const table = await openNpy(path);
    try {
      await table.read(0, table.rows);
      if (table.rows > 0) await table.gather([table.rows - 1, 0]);
    } finally {
      await table.close();
    }
  },
};
