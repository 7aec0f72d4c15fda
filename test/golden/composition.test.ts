import {
  type Backend,
  type BondData,
  type BondManifest,
  type Embeddings,
  type Factors,
  openComposition,
  parametersOf,
  projector,
  recipe,
  type Tensor,
} from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { goldenBackends } from './backends.ts';
import { testEveryEntryIsClaimed } from './claims.ts';
import { expectClose } from './compare.ts';
import { readManifest, readTensors } from './folder.ts';

/** The area's manifest: FreeBind's `models/uni_spaces.py` on small random spaces, in float64. */
interface GoldenCompositions {
  readonly dims: Readonly<Record<'imagebind' | 'clap' | 'internvl' | 'hidden', number>>;
  readonly inputs: string;
  readonly projectors: string;
  readonly expected: string;
  readonly cases: readonly GoldenCase[];
}

interface GoldenCase {
  readonly key: string;
  readonly variant: string;
  readonly setting: string | null;
  /** Factors of the combination and of the displacement, null where the variant has none. */
  readonly sigma: Factors | null;
  readonly lambda: Factors | null;
}

const manifest = await readManifest<GoldenCompositions>('composition');
const backends = await goldenBackends();
const cases = manifest?.cases ?? [];

/** The published folders of projectors: which bond each is. */
const BONDS: Readonly<Record<string, readonly [BondManifest['kind'], from: string, into: string]>> = {
  IB_PP_G_Proj: ['combination', 'clap-general', 'imagebind'],
  IB_PP_M_Proj: ['combination', 'clap-music', 'imagebind'],
  InternVL_IB_Proj: ['displacement', 'imagebind', 'internvl'],
  InternVL_IB_FT_Proj: ['displacement', 'imagebind†', 'internvl'],
  InternVL_IB_PP_G_Proj: ['combination', 'clap-general', 'imagebind + d(internvl)'],
  InternVL_IB_PP_M_Proj: ['combination', 'clap-music', 'imagebind + d(internvl)'],
  InternVL_IB_FTPP_G_Proj: ['combination', 'clap-general', 'imagebind† + d(internvl)'],
  InternVL_IB_FTPP_M_Proj: ['combination', 'clap-music', 'imagebind† + d(internvl)'],
};
const HEADS = ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'];

// The manifest states no tolerance. A call of a backend errs by its own tolerance; the mean of 14 nearly orthogonal heads is
// at least a quarter long, so normalising it multiplies errors by up to 4, and a mix of two unit rows at least half, twice by 2.
const GROWTH = 16;

test('the golden folder names a result for every case', async ({ skip }) => {
  if (manifest === undefined) skip('the golden folder has no composition');
  const expected = await readTensors('composition/expected.safetensors');
  const keys = cases.flatMap(({ key }) => ['audio', 'image', 'text'].map((modality) => `${key}|${modality}`));
  expect(Object.keys(expected).sort()).toEqual(keys.sort());
});

describe.each(backends)('published variants on $name', (backend) => {
  test.for(cases)('$key gives the numbers of the published code', async (golden, { skip }) => {
    if (backend.unavailable !== undefined) skip(backend.unavailable);
    expect.hasAssertions();
    const opened = await backend.open();
    try {
      await checkCase(golden, opened);
    } finally {
      await opened.close();
    }
  });
});

testEveryEntryIsClaimed(
  'composition',
  cases.map(({ key }) => ({ id: key })),
  cases.map(({ key }) => key),
);

async function checkCase({ key, variant, setting, sigma, lambda }: GoldenCase, backend: Backend): Promise<void> {
  if (manifest === undefined) throw new Error('a case comes from a manifest');
  const { dims, inputs, projectors } = manifest;
  const rows = await readTensors(`composition/${inputs}`);
  const weights = await readTensors(`composition/${projectors}`);
  const expected = await readTensors('composition/expected.safetensors');
  const spaces = [
    { id: 'imagebind', dimension: dims.imagebind, modalities: ['audio', 'image', 'text'] },
    { id: 'imagebind†', dimension: dims.imagebind, modalities: ['audio', 'image', 'text'] },
    { id: 'internvl', dimension: dims.internvl, modalities: ['image', 'text'] },
    { id: 'clap-general', dimension: dims.clap, modalities: ['audio', 'text'] },
    { id: 'clap-music', dimension: dims.clap, modalities: ['audio', 'text'] },
  ];
  // A displaced space has its expert's dimension.
  const dimensionOf = (space: string): number => spaces.find(({ id }) => id === space)?.dimension ?? dims.internvl;
  const bonds = Object.entries(BONDS).map(([id, [kind, from, into]]): BondData => {
    const ends = [from, into].map((space) => ({ space, dimension: dimensionOf(space) }));
    const [source, target] = ends;
    if (source === undefined || target === undefined) throw new Error('a bond has two ends');
    const layers = projector({ input: source.dimension, output: target.dimension, hidden: dims.hidden });
    return {
      manifest: { id, kind, from: source, into: target, shared: ['text'], heads: HEADS },
      networks: Object.fromEntries(
        HEADS.map((head) => [head, { layers, weights: pick(weights, `${id}/${head}/Head2.mlps.`, layers) }]),
      ),
    };
  });

  const composition = await openComposition({ recipe: recipe(variant), spaces, bonds, backend });
  const factors = composition.factors(setting ?? {});
  expect(factors).toEqual([lambda, sigma].filter((step) => step !== null));
  for (const modality of ['audio', 'image', 'text']) {
    const own = new Map(composition.members(modality).map(({ id }) => [id, rowsOf(rows, id, modality)]));
    const composed = await composition.mix(await composition.project(modality, own), factors);
    const { shape, data } = expected[`${key}|${modality}`] ?? { shape: [], data: [] };
    expect([composed.rows, composed.cols]).toEqual(shape);
    expectClose(
      composed.data,
      data,
      { by: GROWTH * backend.manifest.tolerance, relative: 'never' },
      `${key}|${modality}`,
    );
  }
  await composition.close();
}

/** The golden rows of a space; `imagebind†` differs from `imagebind` in audio alone. */
function rowsOf(rows: Readonly<Record<string, Tensor>>, space: string, modality: string): Embeddings {
  const tuned = space.endsWith('†') && modality === 'audio' ? '_ft' : '';
  const { shape, data } = rows[`${space.replace('†', '').replace('-', '_')}.${modality}${tuned}`] ?? {
    shape: [],
    data: [],
  };
  return { rows: shape[0] ?? 0, cols: shape[1] ?? 0, data: Float32Array.from(data), space, unit: true };
}

function pick(
  tensors: Readonly<Record<string, Tensor>>,
  prefix: string,
  layers: ReturnType<typeof projector>,
): Readonly<Record<string, Tensor>> {
  const named = parametersOf(layers).flatMap(({ name }) => {
    const tensor = tensors[prefix + name];
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return Object.fromEntries(named);
}
