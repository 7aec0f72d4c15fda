import { loadConfig } from '@freebind/core/config';
import * as fc from 'fast-check';
import { damaged } from '../damage.ts';
import type { Reader } from '../reader.ts';

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    0.5,
    Infinity,
    '',
    'x',
    'splits.json:train',
    true,
    false,
    null,
    [],
    {},
    'all',
    ['mix'],
    'drop',
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
/** An object of some keys, of which some may be wrong, with values of which most are. */
const objectOf = (keys: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      fc.record(
        Object.fromEntries(
          Object.entries(keys).map(([key, right]) => [key, fc.oneof({ weight: 3, arbitrary: right }, value)]),
        ),
        { requiredKeys: [] },
      ),
      fc.oneof(
        { weight: 5, arbitrary: fc.constant({}) },
        fc.dictionary(fc.constantFrom('bacth', '__proto__', 'constructor', 'toString', 'x'), value),
      ),
    )
    .map(([known, strange]) => ({ ...known, ...strange }));

const folder = fc.constantFrom('tables', '.', '../x', '/nowhere');
const count = fc.nat(5000);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const checkpoints = objectOf({ everySteps: count, everySeconds: share });
const rows = fc.oneof(fc.array(count, { maxLength: 5 }), fc.constant('splits.json:train'));
const files = fc.oneof(folder, fc.array(folder, { maxLength: 3 }));
const plugin = fc.oneof(
  fc.constantFrom('onnx', 'onnx:webgpu', './evil', 'reference'),
  fc.tuple(fc.constant('onnx'), objectOf({ threads: count })),
);
const train = objectOf({
  recipe: fc.constantFrom('u + c(at)', 'u + d(', { base: 'u', steps: [] }),
  rows: fc.oneof(rows, fc.dictionary(fc.constantFrom('audio', 'text'), rows)),
  factors: fc.oneof(fc.constant('versatile'), fc.dictionary(fc.constantFrom('audio', 'text'), share)),
  epochs: fc.oneof(count, objectOf({ displacement: count, combination: count })),
  batch: count,
  learningRate: share,
  temperature: share,
  aggregationTemperature: share,
  normalise: fc.boolean(),
  bank: count,
  heads: fc.constantFrom('all', ['mix', 'A']),
  pairs: fc.constantFrom('all', [['audio', 'text']]),
  hidden: count,
  shortBatch: fc.constantFrom('drop', 'fill'),
  checkpoints,
});
const fuse = objectOf({
  modalities: fc.dictionary(fc.constantFrom('image', 'text', '__proto__'), files),
  rows,
  embed: fc.dictionary(folder, fc.dictionary(fc.constantFrom('image', 'text'), files)),
  epochs: count,
  batch: count,
  rate: fc.oneof(
    share,
    objectOf({
      kind: fc.constantFrom('constant', 'warm-up-cosine'),
      rate: share,
      floor: share,
      peak: share,
      warmUpSteps: count,
    }),
  ),
  temperature: fc.oneof(share, objectOf({ initial: share, learned: objectOf({ min: share, max: share }) })),
  optimizer: objectOf({ beta1: share, beta2: share, epsilon: share, weightDecay: share }),
  mixup: fc.oneof(
    share,
    fc.constant(false),
    objectOf({ kind: fc.constantFrom('cosine', 'constant'), from: share, to: share, alpha: share }),
  ),
  adapter: objectOf({ output: count, blocks: count, expansion: count, dropout: share }),
  latents: objectOf({ standardise: fc.boolean(), reduce: count, whiten: fc.boolean() }),
  subset: objectOf({ method: fc.constantFrom('k-dpp', 'uniform'), size: count, by: fc.constant('image') }),
  source: objectOf({ paper: fc.string(), license: fc.string() }),
  checkpoints,
});
const config = objectOf({
  backend: plugin,
  plugins: fc.array(plugin, { maxLength: 3 }),
  tables: folder,
  bonds: folder,
  spaces: folder,
  store: folder,
  seed: count,
  train,
  fuse: fc.dictionary(fc.constantFrom('vt', 'at', '__proto__', ''), fuse),
});

/** A program in the place of data: it must be told to be no JSON, not be run. */
const code = fc.constantFrom(
  'export default { tables: (globalThis.FUZZ_RAN = true) && "tables" };',
  '(() => { globalThis.FUZZ_RAN = true; })()',
  '#!/bin/sh\ntouch PWNED',
);

export const configs: Reader = {
  name: 'config',
  extension: 'json',
  inputs: damaged(
    fc
      .oneof(
        { weight: 10, arbitrary: config.map((given) => JSON.stringify(given)) },
        fc.jsonValue({ maxDepth: 5 }).map((given) => JSON.stringify(given)),
        fc.nat(3000).map((depth) => `${'{"train":'.repeat(depth)}1${'}'.repeat(depth)}`),
        code,
      )
      .map((text) => new TextEncoder().encode(text)),
  ),
  read: (path) => loadConfig({ path }),
};
