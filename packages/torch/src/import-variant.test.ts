import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@freebind/core';
import { findBonds, openSafetensors, readBond } from '@freebind/core/files';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FIXTURES, goldenFolder } from '../test/golden.ts';
import { checkpointOf } from '../test/write-checkpoint.ts';
import { importProjector } from './import-projector.ts';
import { importVariant } from './import-variant.ts';

const HEADS = ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'];
/** Seven heads, 3 → 4 → 2, that PyTorch saved; its script says what is in them. */
const TINY = fileURLToPath(new URL('../../../fixtures/torch', import.meta.url));

let folder = '';
let out = '';
/** The golden composition's projectors (spaces of 24, 12 and 18 columns) as published folders of `.pt` files. */
let published = '';
const tensors = new Map<string, Tensor>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-variant-'));
  published = join(folder, 'checkpoints');
  const file = await openSafetensors(join(FIXTURES, 'composition/projectors.safetensors'));
  const heads: Record<string, Record<string, Tensor>> = {};
  for (const name of file.names) {
    const [directory = '', head = '', key = ''] = name.split('/');
    const tensor = await file.tensor(name);
    tensors.set(name, tensor);
    (heads[`${directory}/${head}`] ??= {})[key] = tensor;
  }
  await file.close();
  for (const [head, state] of Object.entries(heads)) {
    await mkdir(join(published, head), { recursive: true });
    await writeFile(join(published, head, 'best.pt'), checkpointOf(state));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  out = join(await mkdtemp(join(folder, 'out-')), 'bonds');
});

const COMBINED = { kind: 'combination', shared: ['audio', 'text'], heads: HEADS };
const DISPLACED = {
  kind: 'displacement',
  shared: ['image', 'text'],
  heads: HEADS,
  into: { space: 'internvl', dimension: 18 },
};

describe.each([
  [
    'imagebind++',
    {
      IB_PP_G_Proj: {
        ...COMBINED,
        from: { space: 'clap-general', dimension: 12 },
        into: { space: 'imagebind', dimension: 24 },
      },
      IB_PP_M_Proj: {
        ...COMBINED,
        from: { space: 'clap-music', dimension: 12 },
        into: { space: 'imagebind', dimension: 24 },
      },
    },
  ],
  ['internvl_ib', { InternVL_IB_Proj: { ...DISPLACED, from: { space: 'imagebind', dimension: 24 } } }],
  ['internvl_ib†', { InternVL_IB_FT_Proj: { ...DISPLACED, from: { space: 'imagebind†', dimension: 24 } } }],
  [
    'internvl_ib++',
    {
      InternVL_IB_Proj: { ...DISPLACED, from: { space: 'imagebind', dimension: 24 } },
      InternVL_IB_PP_G_Proj: {
        ...COMBINED,
        from: { space: 'clap-general', dimension: 12 },
        into: { space: 'imagebind + d(internvl)', dimension: 18 },
      },
      InternVL_IB_PP_M_Proj: {
        ...COMBINED,
        from: { space: 'clap-music', dimension: 12 },
        into: { space: 'imagebind + d(internvl)', dimension: 18 },
      },
    },
  ],
  [
    'internvl_ib†++',
    {
      InternVL_IB_FT_Proj: { ...DISPLACED, from: { space: 'imagebind†', dimension: 24 } },
      InternVL_IB_FTPP_G_Proj: {
        ...COMBINED,
        from: { space: 'clap-general', dimension: 12 },
        into: { space: 'imagebind† + d(internvl)', dimension: 18 },
      },
      InternVL_IB_FTPP_M_Proj: {
        ...COMBINED,
        from: { space: 'clap-music', dimension: 12 },
        into: { space: 'imagebind† + d(internvl)', dimension: 18 },
      },
    },
  ],
])('%s', (variant, directories) => {
  test('becomes bonds between the right spaces, with the published weights, number for number', async () => {
    const imported = await importVariant(published, variant, out);
    expect(imported).toHaveLength(Object.keys(directories).length);
    expect((await findBonds(out)).map(({ path }) => path).sort()).toEqual(imported.map(({ path }) => path).sort());
    for (const [i, [directory, manifest]] of Object.entries(directories).entries()) {
      const { bond, provenance } = await readBond(imported[i]?.path ?? '');
      expect(bond.manifest).toEqual({ id: imported[i]?.id, ...manifest });
      expect(Object.keys(provenance.data ?? {})).toEqual(HEADS.map((head) => `${directory}/${head}/best.pt`));
      for (const head of HEADS) {
        const weights = Object.entries(bond.networks[head]?.weights ?? {});
        expect(weights).toHaveLength(12);
        const differing = weights.filter(([name, { shape, data }]) => {
          const wanted = tensors.get(`${directory}/${head}/Head2.mlps.${name}`);
          return shape.join() !== wanted?.shape.join() || !data.every((x, i) => x === wanted.data[i]);
        });
        expect(differing).toEqual([]);
      }
    }
  });
});

test('imports files that PyTorch saved', async () => {
  const [imported] = await importVariant(TINY, 'InternVL_IB', out);
  const { bond, provenance } = await readBond(imported?.path ?? '');
  expect(bond.manifest).toMatchObject({ from: { dimension: 3 }, into: { dimension: 2 } });
  // Number i of tensor t of head h is i / 8 + t + 16 h (fixtures/torch/make.py); "AT" is head 4, "4.running_var" tensor 11.
  expect(bond.networks['AT']?.weights['4.running_var']?.data).toEqual(Float32Array.of(75, 75.125));
  expect(bond.networks['mix']?.weights['0.weight']).toEqual({
    shape: [4, 3],
    data: Float32Array.from({ length: 12 }, (_, i) => i / 8),
  });
  expect(provenance).toMatchObject({
    source: expect.stringContaining('2405.04883'),
    license: 'CC BY 4.0',
    data: { 'InternVL_IB_Proj/mix/best.pt': expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
  });
});

test('the † variant falls back to the displacement heads that were published', async () => {
  const [imported] = await importVariant(TINY, 'internvl_ib_ft', out);
  const { bond } = await readBond(imported?.path ?? '');
  expect(bond.manifest).toMatchObject({ from: { space: 'imagebind†' }, into: { space: 'internvl' } });
});

test('a bond that is there is kept unless it may be replaced', async () => {
  const [first] = await importVariant(TINY, 'internvl_ib', out);
  await expect(importVariant(TINY, 'internvl_ib', out)).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
  expect(await importVariant(TINY, 'internvl_ib', out, { replace: true })).toEqual([first]);
  expect(await readdir(dirname(first?.path ?? ''))).toEqual(['imagebind-to-internvl']);
});

test('imports C-MCR’s real projector, one network a head', async ({ skip }) => {
  const path = join(goldenFolder(), 'projectors/ulip_clip.pt');
  if (!existsSync(path)) skip('the 2 MB checkpoint is only in the full golden folder');
  const layers = [
    { kind: 'linear', name: '0', input: 512, output: 512 },
    { kind: 'batch-norm', name: '1', size: 512, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu' },
  ] as const;
  for (const prefix of ['Head_A.net.', 'Head_B.net.']) {
    const { weights } = await importProjector(path, { layers, prefix });
    expect(Object.keys(weights)).toHaveLength(6);
    expect(weights['0.weight']?.shape).toEqual([512, 512]);
  }
  await expect(importProjector(path, { layers, prefix: 'Head_C.net.' })).rejects.toMatchObject({
    code: 'FREEBIND_BOND_INVALID',
    message: expect.stringContaining('Head_C.net.0.weight'),
  });
});
