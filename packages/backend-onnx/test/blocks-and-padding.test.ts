import { ReferenceBackend } from '@freebind/backend-reference';
import {
  adapter,
  type Backend,
  initialise,
  type Layer,
  type Matrix,
  matrix,
  type Network,
  normalMatrix,
  normaliseRows,
  projector,
  random,
  stateTensors,
  type StepInput,
  tableOf,
  type TrainerOptions,
} from '@freebind/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OnnxBackend } from '../src/onnx-backend.ts';

// The conformance suite works on small shapes. These are the ones at which the onnx backend does something else: batches of
// several blocks of rows, widths that are padded, weights kept transposed, banks and rankings of several tiles.

const oracle = new ReferenceBackend({ precision: 'float64' });
let backend: Backend;
/** One that streams every batch's logits, in three or more tiles where the batch has several blocks. */
let streaming: Backend;
beforeAll(async () => {
  backend = await OnnxBackend.start({ device: 'cpu', threads: 2 });
  streaming = await OnnxBackend.start({ device: 'cpu', threads: 2 }, { mostLogits: 0, tile: 400 });
});
afterAll(async () => {
  await backend.close();
  await streaming.close();
});

const unit = (rows: number, cols: number, name: string): Matrix =>
  normaliseRows(normalMatrix(rows, cols, random(name)));

/** Largest |a − b|, over the largest |b| where that is above 1. */
function error(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [worst, scale] = [0, 1];
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN)));
    scale = Math.max(scale, Math.abs(b[i] ?? 0));
  }
  return Number.isNaN(worst) || a.length !== b.length ? Infinity : worst / scale;
}

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };

/**
 * One step, its logits whole and streamed, and by the oracle: the largest error of the loss, of the first moments (the
 * gradients, times 1 − β₁) and of what batch-norm has seen, in units of what is allowed: a logit errs by a cosine's tolerance
 * over τ, and softmax weights relatively by as much.
 */
async function stepError(options: TrainerOptions, step: Partial<StepInput> = {}): Promise<number> {
  return Math.max(await stepErrorOf(backend, options, step), await stepErrorOf(streaming, options, step));
}

async function stepErrorOf(tried: Backend, options: TrainerOptions, step: Partial<StepInput>): Promise<number> {
  const [ours, theirs] = [await tried.openTrainer(options), await oracle.openTrainer(options)];
  const rows = random('rows')
    .permutation(Object.values(options.tables)[0]?.rows ?? 0)
    .slice(0, options.batch);
  const input: StepInput = { rows, learningRate: 1e-2, ...step };
  const [found, expected] = [await ours.step(input), await theirs.step(input)];
  const [state, wanted] = [await ours.snapshot(), await theirs.snapshot()];
  await ours.close();
  const moments = stateTensors(options).filter(({ name }) => /^adam\.m\/|running_/.test(name));
  const errors = moments.map(({ name }) => error(state.tensors[name]?.data ?? [], wanted.tensors[name]?.data ?? []));
  const allowed = backend.manifest.tolerance * (1 + 2 / options.objective.temperature.initial);
  return Math.max(error([found.loss], [expected.loss]), ...errors) / allowed;
}

function smallAdapter(input: number): Network {
  const layers = adapter({ input, output: 4, blocks: 1, expansion: 2, dropout: 0.4 });
  return initialise(layers, random('adapter', input), 'fan-in');
}

/** One network from a table of `input` columns against a frozen table. */
function oneSided(layers: readonly Layer[], input: number, output: number, rows: number): TrainerOptions {
  return {
    networks: { p: initialise(layers, random('weights'), 'fan-in') },
    tables: { source: tableOf(unit(rows, input, 'source')), target: tableOf(unit(rows, output, 'target')) },
    objective: {
      pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
      temperature: { initial: 0.1 },
    },
    optimizer: ADAM,
    batch: rows,
  };
}

describe('a training step', () => {
  test('in several blocks of rows equals the float64 oracle', async () => {
    expect(await stepError(oneSided(projector({ input: 6, hidden: 7, output: 5 }), 6, 5, 1100))).toBeLessThan(1);
  });

  test('in several blocks with mixup, dropout and both sides trained equals the float64 oracle', async () => {
    const fused = await stepError(
      {
        networks: { a: smallAdapter(6), b: smallAdapter(5) },
        tables: { a: tableOf(unit(2100, 6, 'a')), b: tableOf(unit(2100, 5, 'b')) },
        objective: {
          pairs: [{ left: { table: 'a', network: 'a' }, right: { table: 'b', network: 'b' } }],
          temperature: { initial: 0.1, learned: { min: 0.001, max: 0.5 } },
        },
        optimizer: ADAM,
        batch: 2100,
        mixup: true,
      },
      { mix: 0.3, seed: 7 },
    );
    expect(fused).toBeLessThan(1);
  });

  test('of several pairs, one network on two tables among them, in several blocks equals the float64 oracle', async () => {
    const layers = projector({ input: 6, hidden: 7, output: 5 });
    const [image, text] = [
      { table: 'image', network: 'p' },
      { table: 'text', network: 'p' },
    ];
    const options: TrainerOptions = {
      ...oneSided(layers, 6, 5, 1100),
      tables: {
        image: tableOf(unit(1100, 6, 'image')),
        text: tableOf(unit(1100, 6, 'text')),
        target: tableOf(unit(1100, 5, 'target')),
      },
      objective: {
        pairs: [
          { left: image, right: text },
          { left: { table: 'target' }, right: text },
          { left: image, right: { table: 'target' } },
        ],
        temperature: { initial: 0.1, learned: { min: 0.001, max: 0.5 } },
      },
    };
    expect(await stepError(options)).toBeLessThan(1);
  });

  test.each([
    ['the input', projector({ input: 1024, hidden: 6, output: 5 }), 1024, 5],
    ['the hidden layer', projector({ input: 6, hidden: 1024, output: 5 }), 6, 5],
    ['the output', projector({ input: 6, hidden: 5, output: 1024 }), 6, 1024],
    [
      'what a layer-norm and a residual block keep from being padded',
      [
        { kind: 'linear', name: '0', input: 4, output: 1024 },
        { kind: 'layer-norm', name: '1', size: 1024, epsilon: 1e-5 },
        {
          kind: 'residual',
          name: '2',
          layers: [
            { kind: 'linear', name: '0', input: 1024, output: 2 },
            { kind: 'gelu' },
            { kind: 'linear', name: '2', input: 2, output: 1024 },
          ],
        },
        { kind: 'linear', name: '3', input: 1024, output: 4 },
        { kind: 'normalise' },
      ],
      4,
      4,
    ],
    [
      'an inner layer with gelu and dropout',
      [
        { kind: 'linear', name: '0', input: 5, output: 1024 },
        { kind: 'gelu' },
        { kind: 'dropout', rate: 0.5 },
        { kind: 'linear', name: '1', input: 1024, output: 4 },
        { kind: 'normalise' },
      ],
      5,
      4,
    ],
  ] satisfies [string, readonly Layer[], number, number][])(
    'with rows of 4 KiB in %s equals the float64 oracle',
    async (_, layers, input, output) => {
      expect(await stepError(oneSided(layers, input, output, 30))).toBeLessThan(1);
    },
  );

  test('leaves padding out of snapshots and at zero over many steps', async () => {
    const options = oneSided(projector({ input: 1024, hidden: 1024, output: 4 }), 1024, 4, 12);
    const trainer = await backend.openTrainer(options);
    const rows = Int32Array.from({ length: 12 }, (_, i) => i);
    for (let i = 0; i < 3; i++) await trainer.step({ rows, learningRate: 1e-2 });
    const state = await trainer.snapshot();
    const resumed = await backend.openTrainer({ ...options, state });
    const [next, again] = [
      await trainer.step({ rows, learningRate: 1e-2 }),
      await resumed.step({ rows, learningRate: 1e-2 }),
    ];
    // Padding that was not zero would enter the next step of the one, and not of the other.
    expect(again.loss).toBe(next.loss);
    expect(state.tensors['p/0.weight']?.shape).toEqual([1024, 1024]);
    await trainer.close();
    await resumed.close();
  });

  test('is right for targets of any length, whose logits no fixed bound covers', async () => {
    const options = oneSided(projector({ input: 6, hidden: 7, output: 5 }), 6, 5, 40);
    const long = unit(40, 5, 'long');
    long.data.forEach((x, i) => (long.data[i] = 30 * x)); // |logits| up to 300
    const tables = { ...options.tables, target: tableOf(long) };
    expect(await stepError({ ...options, tables })).toBeLessThan(1);
  });

  test('is right on both sides of the temperature at which exponentials stop being shared', async () => {
    const options = oneSided(projector({ input: 6, hidden: 7, output: 5 }), 6, 5, 40);
    // 1/τ + log 40 = 87 at τ = 0.0120.
    for (const initial of [0.0118, 0.0122]) {
      const temperature = { initial };
      expect(await stepError({ ...options, objective: { ...options.objective, temperature } })).toBeLessThan(1);
    }
  });
});

describe('a learned temperature', () => {
  test('crosses the bound at which exponentials stop being shared as the float64 oracle does', async () => {
    const single = oneSided(projector({ input: 6, hidden: 7, output: 5 }), 6, 5, 40);
    const temperature = { initial: 0.0115, learned: { min: 0.001, max: 0.5 } };
    const options = { ...single, objective: { ...single.objective, temperature } };
    const [ours, theirs] = [await backend.openTrainer(options), await oracle.openTrainer(options)];
    const rows = Int32Array.from({ length: 40 }, (_, i) => i);
    // Adam moves a temperature whose gradient keeps its sign by the learning rate: here over 0.0120.
    const used: number[] = [];
    for (const learningRate of [1e-3, 1e-3, 1e-3, 1e-3]) {
      const [found, expected] = [await ours.step({ rows, learningRate }), await theirs.step({ rows, learningRate })];
      used.push(found.temperature);
      expect(Math.abs(found.temperature - expected.temperature)).toBeLessThan(1e-6);
      expect(error([found.loss], [expected.loss])).toBeLessThan(backend.manifest.tolerance * (1 + 2 / 0.009));
    }
    await ours.close();
    expect(used.some((t) => 1 / t + Math.log(40) <= 87)).toBe(true);
    expect(used.some((t) => 1 / t + Math.log(40) > 87)).toBe(true);
  });
});

describe('inference', () => {
  test('projects several tiles of padded rows as the float64 oracle', async () => {
    const network = initialise(projector({ input: 1024, hidden: 8, output: 3 }), random('tiles'), 'xavier');
    const rows = unit(1030, 1024, 'tiles');
    const [ours, theirs] = [await backend.openProjector([network]), await oracle.openProjector([network])];
    const [found, expected] = [await ours.project(rows), await theirs.project(rows)];
    await ours.close();
    expect(error(found.data, expected.data)).toBeLessThan(backend.manifest.tolerance);
  });

  test('folds batch-norm into the linear layer before it, and drops dropout, as the float64 oracle', async () => {
    const layers: readonly Layer[] = [
      { kind: 'batch-norm', name: '0', size: 5, epsilon: 1e-3, momentum: 0.1 },
      { kind: 'linear', name: '1', input: 5, output: 6 },
      { kind: 'dropout', rate: 0.5 },
      { kind: 'batch-norm', name: '2', size: 6, epsilon: 1e-3, momentum: 0.1 },
      {
        kind: 'residual',
        name: '3',
        layers: [
          { kind: 'linear', name: '0', input: 6, output: 6 },
          { kind: 'batch-norm', name: '1', size: 6, epsilon: 1e-3, momentum: 0.1 },
        ],
      },
      { kind: 'normalise' },
    ];
    const network = initialise(layers, random('folded'), 'fan-in');
    for (const [name, { data }] of Object.entries(network.weights))
      if (/weight|bias|running/.test(name))
        data.forEach((_, i) => (data[i] = 0.3 + random('folded', name, i).uniform()));
    const rows = unit(9, 5, 'folded');
    const [ours, theirs] = [await backend.openProjector([network]), await oracle.openProjector([network])];
    const [found, expected] = [await ours.project(rows), await theirs.project(rows)];
    await ours.close();
    expect(error(found.data, expected.data)).toBeLessThan(backend.manifest.tolerance);
  });

  test('aggregates over several tiles and blocks of queries as the float64 oracle', async () => {
    const bank = { keys: tableOf(unit(4500, 3, 'keys')), values: tableOf(unit(4500, 2, 'values')) };
    const queries = unit(1030, 3, 'queries');
    const [ours, theirs] = [await backend.openBank(bank), await oracle.openBank(bank)];
    const [found, expected] = [await ours.aggregate(queries, 0.01), await theirs.aggregate(queries, 0.01)];
    await ours.close();
    expect(error(found.data, expected.data)).toBeLessThan(backend.manifest.tolerance);
  });

  test('pads and trims keys and values of 4 KiB', async () => {
    const bank = { keys: tableOf(unit(20, 1024, 'wide keys')), values: tableOf(unit(20, 1024, 'wide values')) };
    const queries = unit(3, 1024, 'wide queries');
    const [ours, theirs] = [await backend.openBank(bank), await oracle.openBank(bank)];
    const [found, expected] = [await ours.aggregate(queries, 0.05), await theirs.aggregate(queries, 0.05)];
    const [scores, wanted] = [await ours.scores(queries), await theirs.scores(queries)];
    await ours.close();
    expect(error(found.data, expected.data)).toBeLessThan(backend.manifest.tolerance);
    expect(error(scores.data, wanted.data)).toBeLessThan(backend.manifest.tolerance);
  });

  test('keeps the lower index of equal scores across tiles of the bank', async () => {
    const keys = matrix(9000, 1, new Float32Array(9000).fill(1));
    keys.data[8999] = 2;
    keys.data[5] = 0;
    const runner = await backend.openBank({ keys: tableOf(keys) });
    const { indices, scores } = await runner.topK(matrix(1, 1, Float32Array.of(1)), 8);
    await runner.close();
    expect([...indices]).toEqual([8999, 0, 1, 2, 3, 4, 6, 7]);
    expect([...scores.data]).toEqual([2, 1, 1, 1, 1, 1, 1, 1]);
  });
});
