import { describe, expect, test } from 'vitest';
import type { TrainerOptions } from './backend.ts';
import { FreebindError } from './errors.ts';
import { matrix } from './matrix.ts';
import { initialise } from './network.ts';
import { projector } from './projector.ts';
import { random } from './random.ts';
import { tableOf } from './table.ts';
import { checkStep, checkTrainer, networkRuns, stateTensors } from './trainer-options.ts';

const table = (rows: number, cols: number) => tableOf(matrix(rows, cols), `table of ${cols}`);

const good: TrainerOptions = {
  networks: { p: initialise(projector({ input: 3, hidden: 4, output: 2 }), random(1), 'xavier') },
  tables: { a: table(10, 3), b: table(10, 3), y: table(10, 2) },
  objective: {
    pairs: [
      { left: { table: 'y' }, right: { table: 'b', network: 'p' } },
      { left: { table: 'a', network: 'p' }, right: { table: 'b', network: 'p' } },
    ],
    temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
  },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  batch: 4,
};

function refusal(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FreebindError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('networkRuns', () => {
  test('lists each network and table once, in order of first use, left before right', () => {
    expect(networkRuns(good.objective)).toEqual([
      { network: 'p', table: 'b' },
      { network: 'p', table: 'a' },
    ]);
  });
});

describe('stateTensors', () => {
  test('names weights, statistics, the learned temperature and the moments of what is trained', () => {
    const names = stateTensors(good).map(({ name }) => name);
    expect(names).toContain('p/1.running_var');
    expect(names).not.toContain('adam.m/p/1.running_var');
    expect(names).toContain('adam.v/p/0.weight');
    expect(stateTensors(good).find(({ name }) => name === 'adam.m/temperature')).toEqual({
      name: 'adam.m/temperature',
      shape: [],
      trained: false,
    });
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('checkTrainer', () => {
  test('accepts what fits together', () => {
    expect(refusal(() => checkTrainer(good))).toBe('accepted');
  });

  test.each<[string, Partial<TrainerOptions>, RegExp]>([
    [
      'a table that is not there',
      { tables: { a: table(10, 3), y: table(10, 2) } },
      /ARGUMENT_INVALID.*"b".*only: a, y/,
    ],
    ['a network that is not there', { networks: {} }, /ARGUMENT_INVALID.*"p".*only: none/],
    ['no pairs', { objective: { ...good.objective, pairs: [] } }, /ARGUMENT_INVALID.*no pairs/],
    ['tables of other lengths', { tables: { ...good.tables, y: table(9, 2) } }, /ROWS_MISALIGNED.*9 rows.*10/],
    ['a table of another width', { tables: { ...good.tables, a: table(10, 4) } }, /SHAPE_MISMATCH.*3 columns.*has 4/],
    ['targets of another width', { tables: { ...good.tables, y: table(10, 5) } }, /SHAPE_MISMATCH.*5 columns.*of 2/],
    ['a batch of one', { batch: 1 }, /ARGUMENT_INVALID.*batch of 1/],
    ['an odd batch with mixup', { batch: 5, mixup: true }, /ARGUMENT_INVALID.*2\.5 rows/],
    ['a temperature of 0', { objective: { ...good.objective, temperature: { initial: 0 } } }, /ARGUMENT_INVALID.*is 0/],
    [
      'a clamp upside down',
      { objective: { ...good.objective, temperature: { initial: 0.1, learned: { min: 1, max: 0.5 } } } },
      /ARGUMENT_INVALID.*\[1, 0\.5\]/,
    ],
    ['a beta of 1', { optimizer: { ...good.optimizer, beta2: 1 } }, /ARGUMENT_INVALID.*beta2 1/],
    ['a negative decay', { optimizer: { ...good.optimizer, weightDecay: -1 } }, /ARGUMENT_INVALID.*weightDecay -1/],
    ['a state without its tensors', { state: { step: 3, tensors: {} } }, /CHECKPOINT_INVALID.*no "p\/0\.weight"/],
    ['a state of half a step', { state: { step: 0.5, tensors: {} } }, /CHECKPOINT_INVALID.*0\.5 steps/],
  ])('refuses %s', (_what, change, message) => {
    expect(refusal(() => checkTrainer({ ...good, ...change }))).toMatch(message);
  });

  test('refuses a state with a tensor of another shape or one too many', () => {
    const tensors = Object.fromEntries(
      stateTensors(good).map(({ name, shape }) => [
        name,
        { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
      ]),
    );
    expect(refusal(() => checkTrainer({ ...good, state: { step: 0, tensors } }))).toBe('accepted');
    const narrow = { ...tensors, temperature: { shape: [2], data: new Float32Array(2) } };
    expect(refusal(() => checkTrainer({ ...good, state: { step: 0, tensors: narrow } }))).toMatch(
      /CHECKPOINT_INVALID.*"temperature" of shape \[2\], expected \[\]/,
    );
    const stray = { ...tensors, 'q/0.weight': { shape: [1], data: new Float32Array(1) } };
    expect(refusal(() => checkTrainer({ ...good, state: { step: 0, tensors: stray } }))).toMatch(
      /CHECKPOINT_INVALID.*"q\/0\.weight"/,
    );
  });
});

describe('checkStep', () => {
  const step = { rows: Int32Array.of(0, 3, 9, 3), learningRate: 1e-3 };

  test('accepts rows that are there, also twice', () => {
    expect(refusal(() => checkStep(good, step))).toBe('accepted');
    expect(refusal(() => checkStep({ ...good, mixup: true }, { ...step, mix: 0 }))).toBe('accepted');
  });

  test.each<[string, Partial<Parameters<typeof checkStep>[1]>, RegExp]>([
    ['another number of rows', { rows: Int32Array.of(0) }, /SHAPE_MISMATCH.*1 rows.*batches of 4/],
    ['a row that is not there', { rows: Int32Array.of(0, 1, 2, 10) }, /SHAPE_MISMATCH.*row 10.*0 to 9/],
    ['a negative row', { rows: Int32Array.of(0, 1, 2, -1) }, /SHAPE_MISMATCH.*row -1/],
    ['a learning rate of NaN', { learningRate: Number.NaN }, /ARGUMENT_INVALID.*NaN/],
    ['mix without mixup', { mix: 0.5 }, /ARGUMENT_INVALID.*without mixup/],
    ['a seed out of range', { seed: 2 ** 32 }, /ARGUMENT_INVALID.*4294967296/],
  ])('refuses %s', (_what, change, message) => {
    expect(refusal(() => checkStep(good, { ...step, ...change }))).toMatch(message);
  });

  test('refuses a step without mix, or outside [0, 1], when the training mixes', () => {
    expect(refusal(() => checkStep({ ...good, mixup: true }, step))).toMatch(/ARGUMENT_INVALID.*undefined/);
    expect(refusal(() => checkStep({ ...good, mixup: true }, { ...step, mix: 1.5 }))).toMatch(/ARGUMENT_INVALID.*1\.5/);
  });
});
