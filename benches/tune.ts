import { startOnnx } from '@freebind/backend-onnx';
import {
  type BondData,
  initialise,
  normalMatrix,
  normaliseRows,
  openComposition,
  projector,
  random,
  shapesOf,
  type Tables,
  tableOf,
  tuneRecipe,
} from '@freebind/core';
import { type BenchOptions, gflops, type Row, time } from './harness.ts';

const [ITEMS, WIDTH, STEPS] = [1000, 128, 21];
const MODALITIES: Readonly<Record<string, readonly string[]>> = {
  u: ['audio', 'image', 'text'],
  at: ['audio', 'text'],
};
/** Audio with text depends on both factors, both ways; each of them with image on one, both ways. */
const MATRICES = 2 * STEPS ** 2 + 4 * STEPS;

/** Tuning `u + c(at)`: its 21 × 21 surface over all six directions, and what climbing from its best point adds. */
export async function tune({ threads }: BenchOptions): Promise<readonly Row[]> {
  const tables: Tables = {
    spaces: Object.keys(MODALITIES),
    modalities: (space) => MODALITIES[space] ?? [],
    table: (space, modality) => tableOf(normaliseRows(normalMatrix(ITEMS, WIDTH, random('bench', space, modality)))),
  };
  const end = (space: string): BondData['manifest']['from'] => ({ space, dimension: WIDTH });
  const bond: BondData = {
    manifest: {
      id: 'at',
      kind: 'combination',
      from: end('at'),
      into: end('u'),
      shared: ['audio', 'text'],
      heads: ['mix'],
    },
    networks: { mix: initialise(projector({ input: WIDTH, output: WIDTH }), random('bench', 'bond'), 'xavier') },
  };
  const backend = await startOnnx({ device: 'cpu', threads });
  const ms = await time(() =>
    tuneRecipe({
      recipe: 'u + c(at)',
      compose: (recipe) => openComposition({ recipe, spaces: shapesOf(tables), bonds: [bond], backend }),
      backend,
      validation: { tables },
      steps: STEPS,
    }),
  );
  await backend.close();
  return [
    {
      task: `tune two factors, ${STEPS} × ${STEPS} over six directions of ${ITEMS} items × ${WIDTH}`,
      backend: `onnx (${backend.manifest.device})`,
      peer: 'none',
      medianMs: ms,
      gflops: gflops(MATRICES * 2 * ITEMS ** 2 * WIDTH, ms),
      ratio: null,
      msASurfacePoint: ms / STEPS ** 2,
    },
  ];
}
