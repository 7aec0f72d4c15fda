import { readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCheckpoint } from '@freebind/torch';
import * as fc from 'fast-check';
import {
  bytes,
  floats,
  join,
  op,
  pickleOf,
  tensorOf,
  uint32,
  zipOf,
} from '../../packages/torch/test/write-checkpoint.ts';
import { damaged, sizes } from '../damage.ts';
import type { Reader } from '../reader.ts';

const GOLDEN = fileURLToPath(new URL('../../fixtures/golden/projectors', import.meta.url));

/** Small files that PyTorch wrote, in both of its formats. */
const written = readdirSync(GOLDEN)
  .filter((name) => name.startsWith('edge_') && name.endsWith('.pt'))
  .sort()
  .map((name) => new Uint8Array(readFileSync(joinPath(GOLDEN, name))));

const small = fc.array(sizes, { maxLength: 4 });
const storages = fc.constantFrom(
  'FloatStorage',
  'DoubleStorage',
  'HalfStorage',
  'LongStorage',
  'BoolStorage',
  'BFloat16Storage',
  'EvilStorage',
);
/** Optional fields that are left out in most cases. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { freq: 3, nil: undefined });
const tensor = fc
  .record({
    shape: small,
    stride: seldom(small),
    offset: seldom(sizes),
    key: seldom(fc.constantFrom('0', '1', '../0', '')),
    length: seldom(sizes),
    storage: seldom(storages),
  })
  .map((text) => {
    const given = Object.fromEntries(Object.entries(text).filter(([, value]) => value !== undefined));
    // The fields that are there are those of TensorText; numbers beyond 32 bits are cut by the writer.
    return tensorOf(given as unknown as Parameters<typeof tensorOf>[0]);
  });
const codeRunner = fc.constantFrom(
  join(op.global('os', 'system'), op.mark, op.text('touch PWNED'), op.tuple, op.reduce),
  join(op.global('builtins', 'eval'), op.mark, op.text("open('PWNED','w')"), op.tuple, op.reduce),
  op.global('torch', 'load'),
);
const opcode = fc.oneof(
  fc.constantFrom(...Array.from('.(}]Nt)KMJGXUTBCqrhjcRbQsuae', (c) => bytes(c.codePointAt(0) ?? 0))),
  fc.nat(255).map((byte) => bytes(byte)),
  fc.constantFrom(op.int(1), op.text('w'), op.none, op.list, op.mark, op.tuple, op.setItems, op.put(1), op.get(1)),
  tensor,
  codeRunner,
  sizes.map((size) => join(bytes(0x42), uint32(size % 2 ** 32))), // BINBYTES of any length
);
const pickles = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.string({ maxLength: 5 }), tensor, { maxKeys: 4 }).map(pickleOf) },
  { weight: 3, arbitrary: fc.array(opcode, { maxLength: 30 }).map((codes) => join(op.proto(), ...codes, op.stop)) },
  { weight: 1, arbitrary: codeRunner.map((code) => join(op.proto(), code, op.stop)) },
  {
    weight: 1,
    arbitrary: fc.nat(3000).map((depth) => join(op.proto(), ...Array<Uint8Array>(depth).fill(op.list), op.stop)),
  },
);

const lie = seldom(sizes.map((size) => size % 2 ** 32));
const lies = fc.dictionary(
  fc.constantFrom('x/data.pkl', 'x/data/0'),
  fc.record({
    method: seldom(fc.constantFrom(8, 99)),
    flags: seldom(fc.nat(65_535)),
    compressedSize: lie,
    uncompressedSize: lie,
    offset: lie,
    name: seldom(fc.constantFrom('x/data/1', '../x', '/etc/passwd', '')),
  }),
);
const zips = fc
  .record({
    pickle: pickles,
    lies: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, lies),
    zip64: fc.boolean(),
    order: seldom(fc.constantFrom('little', 'big', '')),
  })
  .map(({ pickle, lies, zip64, order }) => {
    const told = Object.fromEntries(
      Object.entries(lies).map(([entry, fields]) => [
        entry,
        Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)),
      ]),
    );
    const byteOrder = order === undefined ? {} : { 'x/byteorder': join(order) };
    const entries = { 'x/data.pkl': pickle, ...byteOrder, 'x/data/0': floats([1, 2, 3, 4]), 'x/version': join('3\n') };
    return zipOf(entries, { lies: told, zip64 });
  });

export const torch: Reader = {
  name: 'torch',
  extension: 'pt',
  inputs: damaged(
    fc.oneof(
      { weight: 5, arbitrary: zips },
      { weight: 1, arbitrary: pickles },
      { weight: 2, arbitrary: fc.constantFrom(...written) },
    ),
  ),
  read: async (path) => {
    const checkpoint = await readCheckpoint(path);
    try {
      // The first ones stand for all: a pickle may name a tensor a thousand times.
      for (const tensor of [...checkpoint.tensors.values()].slice(0, 8)) await tensor.read();
    } finally {
      await checkpoint.close();
    }
  },
};
