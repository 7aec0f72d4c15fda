import reference, { ReferenceBackend } from '@freebind/backend-reference';
import { memoryStore } from '@freebind/conformance';
import { describeBond, describePlugin, describeSpace, describeStore } from '@freebind/conformance/vitest';
import {
  type BondData,
  type Embeddings,
  FreebindError,
  initialise,
  matrix,
  normaliseRows,
  openBond,
  projector,
  random,
  type Space,
} from '@freebind/core';
import packageJson from '../../backend-reference/package.json' with { type: 'json' };

describeStore('a store in memory', memoryStore);
describePlugin('the reference plugin', reference(), packageJson);

/** A space of nothing but arithmetic: a row is decided by the numbers of its input. */
function toySpace(): Space {
  let closed = false;
  return {
    manifest: {
      id: 'toy',
      dimension: 8,
      modalities: ['text', 'image', 'audio'],
      source: { paper: 'unknown', checkpoint: 'none', license: 'unknown' },
    },
    async embed(modality, inputs, { signal } = {}): Promise<Embeddings> {
      if (closed) throw new FreebindError('FREEBIND_CLOSED', 'The toy space was closed.');
      if (signal?.aborted) throw new FreebindError('FREEBIND_ABORTED', 'The signal was aborted.');
      if (!['text', 'image', 'audio'].includes(modality))
        throw new FreebindError('FREEBIND_CAPABILITY_MISSING', `The toy space does not embed ${modality}.`);
      const rows = inputs.map((input) => {
        const from = random(
          JSON.stringify(input, (_key, x: unknown) =>
            x instanceof Float32Array || x instanceof Uint8Array ? x.join() : x,
          ),
        );
        return Array.from({ length: 8 }, () => from.normal());
      });
      const out = normaliseRows(matrix(rows.length, 8, Float32Array.from(rows.flat())));
      return { ...out, space: 'toy', unit: true };
    },
    close: async () => {
      closed = true;
    },
  };
}

describeSpace('a toy space', toySpace);

const layers = projector({ input: 6, hidden: 7, output: 5 });
const bond: BondData = {
  manifest: {
    id: 'toy-bond',
    kind: 'combination',
    from: { space: 'a', dimension: 6 },
    into: { space: 'b', dimension: 5 },
    shared: ['text'],
    heads: ['mix', 'text'],
  },
  networks: {
    mix: initialise(layers, random('mix'), 'xavier'),
    text: initialise(layers, random('text'), 'xavier'),
  },
};

describeBond('a bond on the reference backend', () => openBond(bond, new ReferenceBackend()), {
  data: bond,
  tolerance: new ReferenceBackend().manifest.tolerance,
});
