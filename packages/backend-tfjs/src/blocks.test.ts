import {
  initialise,
  type Layer,
  type Matrix,
  normaliseRows,
  normalMatrix,
  random,
  tableOf,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOCK, spansOf } from './blocks.ts';
import { Device } from './device.ts';
import { Lifetime } from './lifetime.ts';
import { trainStep } from './train-step.ts';
import { TfjsTrainer } from './trainer.ts';

const [BATCH, STEPS] = [22, 3];
const unit = (cols: number, name: string): Matrix => normaliseRows(normalMatrix(40, cols, random('blocks', name)));

/** Of every kind. */
const LAYERS: readonly Layer[] = [
  { kind: 'linear', name: '0', input: 6, output: 5 },
  { kind: 'batch-norm', name: '1', size: 5, epsilon: 1e-5, momentum: 0.1 },
  { kind: 'relu' },
  {
    kind: 'residual',
    name: '2',
    layers: [
      { kind: 'layer-norm', name: '0', size: 5, epsilon: 1e-5 },
      { kind: 'linear', name: '1', input: 5, output: 5 },
      { kind: 'gelu' },
      { kind: 'dropout', rate: 0.3 },
    ],
  },
  { kind: 'normalise' },
];

const training = (mixup: boolean): TrainerOptions => ({
  networks: {
    a: initialise(LAYERS, random('blocks', 'network a'), 'xavier'),
    b: initialise(LAYERS, random('blocks', 'network b'), 'xavier'),
  },
  tables: { a: tableOf(unit(6, 'a')), b: tableOf(unit(6, 'b')), frozen: tableOf(unit(5, 'frozen')) },
  objective: {
    pairs: [
      { left: { table: 'a', network: 'a' }, right: { table: 'b', network: 'b' } },
      { left: { table: 'a', network: 'a' }, right: { table: 'frozen' } },
    ],
    temperature: { initial: 0.2, learned: { min: 0.001, max: 0.5 } },
  },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
  batch: BATCH,
  ...(mixup && { mixup }),
});

let device: Device;
beforeAll(async () => {
  device = new Device();
  await device.start({ runtime: 'cpu', threads: 1 });
});
afterAll(() => device.close());

async function train(
  mixup: boolean,
  block: number,
): Promise<{ readonly losses: readonly number[]; readonly state: TrainerState | undefined }> {
  const trainer = await TfjsTrainer.open(training(mixup), device, new Lifetime('trainer'), block);
  const losses: number[] = [];
  let state: TrainerState | undefined;
  for (let seed = 0; seed < STEPS; seed++) {
    const rows = Int32Array.from({ length: BATCH }, (_, i) => (3 * i + seed) % 40);
    losses.push((await trainer.step({ rows, learningRate: 1e-3, seed, ...(mixup && { mix: 0.3 }) })).loss);
    state ??= await trainer.snapshot();
  }
  await trainer.close();
  return { losses, state };
}

describe.each([false, true])('a batch in blocks (mixup: %s)', (mixup) => {
  test.each([7, 4, 1])('of %d rows at most trains as one block', async (block) => {
    const [whole, cut] = [await train(mixup, BLOCK), await train(mixup, block)];
    // The same sums in another order: of 22 rows at most, each a float32. Gradients pass some ten of them, one after another.
    const rounding = 10 * BATCH * 2 ** -24;
    for (const [i, loss] of whole.losses.entries())
      expect(Math.abs((cut.losses[i] ?? 0) / loss - 1)).toBeLessThan(rounding);
    for (const [name, { data }] of Object.entries(whole.state?.tensors ?? {})) {
      // Of the first step: its moments are shares of the gradients, and weights follow by a division that makes noise of noise.
      if (!/^adam\.m|running/.test(name)) continue;
      const found = cut.state?.tensors[name]?.data ?? [];
      const worst = Math.max(...Array.from(data, (x, i) => Math.abs(x - (found[i] ?? Number.NaN))));
      expect({ name, worst }).toEqual({ name, worst: expect.toSatisfy((x: number) => x < rounding) });
    }
  });
});

test('spans are as few as can be, and about as long', () => {
  expect(spansOf(10, 4)).toEqual([
    { start: 0, end: 4 },
    { start: 4, end: 8 },
    { start: 8, end: 10 },
  ]);
  expect(spansOf(8193, 4096).map(({ start, end }) => end - start)).toEqual([2731, 2731, 2731]);
});

test('a step of 65,536 rows of 512 on each side takes less than 1 GiB', () => {
  const [batch, width] = [65_536, 512];
  const layers: readonly Layer[] = [
    { kind: 'batch-norm', name: '0', size: width, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'normalise' },
  ];
  const network = initialise(layers, random('blocks'), 'xavier');
  const table = tableOf({ rows: 0, cols: width, data: new Float32Array(0) });
  const { compiled } = trainStep(
    {
      networks: { x: network, y: network },
      tables: { x: table, y: table },
      objective: {
        pairs: [{ left: { table: 'x', network: 'x' }, right: { table: 'y', network: 'y' } }],
        temperature: { initial: 0.02 },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      batch,
    },
    true,
  );
  // Of each side the rows between its layers, those behind them, and their gradient: six arrays of 128 MiB beside the tiles.
  expect(compiled.peakBytes / 2 ** 20).toBeLessThan(7 * 128);
});
