import { readFile } from 'node:fs/promises';
import { formatRecipe, recipe } from '@freebind/core';
import * as fc from 'fast-check';
import { damaged } from '../damage.ts';
import type { Reader } from '../reader.ts';

const id = fc.constantFrom(
  'u',
  'imagebind',
  'clap-general',
  '"a + b"',
  '"',
  '""',
  'x†',
  '音',
  '',
  'c',
  '__proto__',
  'a'.repeat(500),
);
const number = fc.oneof(
  fc.constantFrom('0.5', '1', '0', '.3', '1e-3', '2', '-1', 'NaN', '1e999', ''),
  fc.double().map(String),
);
const factors = fc
  .array(fc.tuple(fc.constantFrom('audio', 'text', 'image', 'c.audio', '1.text', '__proto__', ''), number), {
    maxLength: 4,
  })
  .map((pairs) => `{${pairs.map(([modality, factor]) => `${modality}=${factor}`).join(', ')}}`);
const step = fc
  .tuple(fc.constantFrom('c', 'd', 'C', 'e', ''), fc.array(id, { maxLength: 4 }), fc.option(factors))
  .map(([kind, experts, given]) => `${kind}(${experts.join(', ')})${given ?? ''}`);
const text = fc
  .tuple(id, fc.array(fc.oneof({ weight: 8, arbitrary: step }, fc.string({ maxLength: 8 })), { maxLength: 6 }))
  .map(([base, steps]) => [base, ...steps].join(' + '));
const published = fc.constantFrom('imagebind++', 'internvl_ib', 'InternVL_IB_ft++', 'internvl_ib†');

const value = fc.oneof(id, fc.double(), fc.constantFrom(null, true, 0.5), fc.jsonValue({ maxDepth: 2 }));
const object = fc
  .record(
    {
      base: value,
      steps: fc.oneof(
        {
          weight: 5,
          arbitrary: fc.array(
            fc.record(
              {
                kind: fc.constantFrom('combination', 'displacement', 'x', null),
                experts: fc.oneof(fc.array(value, { maxLength: 3 }), value),
                factors: fc.dictionary(fc.string({ maxLength: 4 }), value),
                bonds: fc.oneof(fc.array(value, { maxLength: 3 }), value),
              },
              { requiredKeys: [] },
            ),
            { maxLength: 4 },
          ),
        },
        value,
      ),
      name: value,
      presets: fc.oneof(fc.dictionary(fc.string({ maxLength: 4 }), value), value),
    },
    { requiredKeys: [] },
  )
  .map((given) => JSON.stringify(given));
const junk = fc.jsonValue({ maxDepth: 3 }).map((given) => JSON.stringify(given));

/** Recipe text, and after a line break of its own kind the object form as JSON. */
export const recipes: Reader = {
  name: 'recipe',
  extension: 'txt',
  inputs: damaged(
    fc
      .oneof(
        { weight: 4, arbitrary: text },
        { weight: 3, arbitrary: object },
        published,
        fc.string({ unit: 'binary' }),
        junk,
      )
      .map((source) => new TextEncoder().encode(source)),
  ),
  read: async (path) => {
    const source = await readFile(path, 'utf8');
    const parsed = recipe(asRecipe(source));
    // What was read can be written and read again; presets, names and explicit bonds have no text.
    recipe(formatRecipe(parsed));
  },
};

/** JSON as the object form, whatever it is of; anything else as text. */
function asRecipe(source: string): Parameters<typeof recipe>[0] {
  try {
    // The reader checks what programs without types give.
    return JSON.parse(source) as Parameters<typeof recipe>[0];
  } catch {
    return source;
  }
}
