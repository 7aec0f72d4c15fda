import { expect, test } from 'vitest';
import { adapter } from '../adapter.ts';
import { FUSE_TRAINING } from '../fusemix/fuse-options.ts';
import { projector } from '../projector.ts';
import { AGGREGATION_TEMPERATURE } from '../pseudo-pairs/columns.ts';
import { ADAM, BOND_TRAINING } from './bond-options.ts';

// The numbers of the papers (docs: the method), written out once more: a default that moves by accident fails here.

test("bonds are trained with FreeBind's settings", () => {
  expect(AGGREGATION_TEMPERATURE).toBe(1 / 100);
  expect(BOND_TRAINING).toEqual({
    seed: 0,
    epochs: { displacement: 5, combination: 20 },
    batch: 4096,
    learningRate: 1e-3,
    temperature: 1 / 50,
    aggregationTemperature: 1 / 100,
    normalise: true,
    heads: 'all',
    pairs: 'all',
    hidden: 2048,
    shortBatch: 'drop',
  });
  expect(ADAM).toEqual({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
  expect(projector({ input: 1024, output: 768 })).toEqual([
    { kind: 'linear', name: '0', input: 1024, output: 2048 },
    { kind: 'batch-norm', name: '1', size: 2048, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu' },
    { kind: 'linear', name: '3', input: 2048, output: 768 },
    { kind: 'batch-norm', name: '4', size: 768, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'normalise' },
  ]);
});

test("spaces are fused with FuseMix's settings", () => {
  expect(FUSE_TRAINING).toEqual({
    seed: 0,
    epochs: 500,
    batch: 40_960,
    rate: { kind: 'warm-up-cosine', floor: 1e-6, peak: 1e-3, warmUpSteps: 100 },
    temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
    mixup: { kind: 'constant', alpha: 1 },
    adapter: { output: 512, blocks: 4, expansion: 4, dropout: 0.6 },
    latents: {},
    shortBatch: 'drop',
  });
  const layers = adapter({ input: 10, ...FUSE_TRAINING.adapter });
  expect(layers.filter(({ kind }) => kind === 'residual')).toHaveLength(4);
  expect(layers[0]).toMatchObject({
    layers: [{ kind: 'layer-norm' }, { output: 40 }, { kind: 'gelu' }, { rate: 0.6 }, { input: 40 }],
  });
  expect(layers.slice(4).map(({ kind }) => kind)).toEqual(['layer-norm', 'linear', 'normalise']);
});
