import {
  type BondData,
  initialise,
  openComposition,
  projector,
  random,
  shapesOf,
  type Tables,
  tableOf,
  tuneRecipe,
} from '@freebind/core';
import type { BackendTask } from '../task.ts';
import { unitRowsOf } from './inputs.ts';

const MODALITIES: Readonly<Record<string, readonly string[]>> = {
  u: ['audio', 'image', 'text'],
  at: ['audio', 'text'],
};

/** Tuning `u + c(at)`: the surface of its two factors over all six directions, and what climbing from its best point adds. */
export const tune: BackendTask<{ items: number; width: number; steps: number }> = {
  name: 'tune',
  sizes: [
    { items: 1000, width: 128, steps: 21 },
    { items: 250, width: 64, steps: 5 },
  ],
  // Audio with text depends on both factors, both ways; each of them with image on one, both ways.
  operations: ({ items, width, steps }) => (2 * steps ** 2 + 4 * steps) * 2 * items ** 2 * width,
  describe: ({ items, width, steps }) =>
    `tuning two factors, ${steps} × ${steps} over six directions of ${items} × ${width}`,
  async open(backend, { items, width, steps }) {
    const tables: Tables = {
      spaces: Object.keys(MODALITIES),
      modalities: (space) => MODALITIES[space] ?? [],
      table: (space, modality) => tableOf(unitRowsOf(items, width, `${space} ${modality}`)),
    };
    const end = (space: string): BondData['manifest']['from'] => ({ space, dimension: width });
    const bond: BondData = {
      manifest: {
        id: 'at',
        kind: 'combination',
        from: end('at'),
        into: end('u'),
        shared: ['audio', 'text'],
        heads: ['mix'],
      },
      networks: { mix: initialise(projector({ input: width, output: width }), random('bench', 'bond'), 'xavier') },
    };
    return {
      run: async () => {
        await tuneRecipe({
          recipe: 'u + c(at)',
          compose: (recipe) => openComposition({ recipe, spaces: shapesOf(tables), bonds: [bond], backend }),
          backend,
          validation: { tables },
          steps,
        });
      },
      close: async () => undefined,
    };
  },
};
