import { adapter, type Layer, projector, type StepInput, tableOf, type TrainerOptions } from '@freebind/core';
import { everyLayer, networkOf, unitRows } from '../data.ts';
import { ADAM } from './step-check.ts';

/** Rows of every table in these cases. */
export const ROWS = 24;

/** Numbers of `size` rows, some of all. */
export function batch(size: number, first = 0): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => (first + 5 * i) % ROWS);
}

/** `count` steps, each on other rows. */
export function steps(count: number, size: number, more: Partial<StepInput> = {}): readonly StepInput[] {
  return Array.from({ length: count }, (_, i) => ({ rows: batch(size, i), learningRate: 1e-2, ...more }));
}

/** FreeBind's smallest training: one projector, one frozen target. */
export function projectorTraining(more: Partial<TrainerOptions> = {}): TrainerOptions {
  return {
    networks: { p: networkOf(projector({ input: 6, hidden: 7, output: 5 }), 'training') },
    tables: { source: tableOf(unitRows(ROWS, 6, 'source')), target: tableOf(unitRows(ROWS, 5, 'target')) },
    objective: {
      pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
      temperature: { initial: 0.1 },
    },
    optimizer: ADAM,
    batch: 8,
    ...more,
  };
}

/** FuseMix's smallest training: two adapters against each other, learned temperature, mixup and decay. */
export function fuseTraining(more: Partial<TrainerOptions> = {}): TrainerOptions {
  return {
    networks: {
      image: networkOf(adapter({ input: 6, output: 4, blocks: 1, expansion: 2, dropout: 0.4 }), 'image'),
      text: networkOf(adapter({ input: 5, output: 4, blocks: 1, expansion: 2, dropout: 0.4 }), 'text'),
    },
    tables: { i: tableOf(unitRows(ROWS, 6, 'i')), t: tableOf(unitRows(ROWS, 5, 't')) },
    objective: {
      pairs: [{ left: { table: 'i', network: 'image' }, right: { table: 't', network: 'text' } }],
      temperature: { initial: 0.2, learned: { min: 0.001, max: 0.5 } },
    },
    optimizer: { ...ADAM, weightDecay: 0.1 },
    batch: 16,
    mixup: true,
    ...more,
  };
}

/** One projector for three tables, against two targets: five tables, three runs, six pairs. */
function manyTables(): TrainerOptions {
  const sources = ['a', 'b', 'c'];
  const targets = ['x', 'y'];
  return projectorTraining({
    tables: Object.fromEntries([
      ...sources.map((name) => [name, tableOf(unitRows(ROWS, 6, name))]),
      ...targets.map((name) => [name, tableOf(unitRows(ROWS, 5, name))]),
    ]),
    objective: {
      // Targets stand on the left in half of the pairs.
      pairs: sources.flatMap((source) => [
        { left: { table: source, network: 'p' }, right: { table: 'x' } },
        { left: { table: 'y' }, right: { table: source, network: 'p' } },
      ]),
      temperature: { initial: 0.1 },
    },
  });
}

/** A projector of these layers and a normalise against one frozen target of `output` columns. */
export function layerTraining(kind: string, layers: readonly Layer[], output: number): TrainerOptions {
  return projectorTraining({
    networks: { p: networkOf([...layers, { kind: 'normalise' }], `train ${kind}`) },
    tables: { source: tableOf(unitRows(ROWS, 6, 'source')), target: tableOf(unitRows(ROWS, output, 'target')) },
    objective: {
      pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
      temperature: { initial: 0.2 },
    },
  });
}

const LINEAR: Layer = { kind: 'linear', name: '0', input: 6, output: 5 };

/** What gradients are checked through, one layer of the vocabulary each; normalise ends all of them. */
export const TRAININGS: readonly {
  readonly of: string;
  readonly options: () => TrainerOptions;
  readonly mix?: number;
}[] = [
  { of: 'linear and normalise', options: () => layerTraining('linear', [LINEAR], 5) },
  {
    of: 'batch-norm',
    options: () =>
      layerTraining('batch-norm', [{ kind: 'batch-norm', name: '0', size: 6, epsilon: 1e-2, momentum: 0.2 }], 6),
  },
  {
    of: 'layer-norm',
    options: () => layerTraining('layer-norm', [{ kind: 'layer-norm', name: '0', size: 6, epsilon: 1e-2 }], 6),
  },
  { of: 'relu', options: () => layerTraining('relu', [LINEAR, { kind: 'relu' }], 5) },
  { of: 'gelu', options: () => layerTraining('gelu', [LINEAR, { kind: 'gelu' }], 5) },
  { of: 'dropout', options: () => layerTraining('dropout', [LINEAR, { kind: 'dropout', rate: 0.4 }], 5) },
  {
    of: 'residual',
    options: () =>
      layerTraining(
        'residual',
        [
          {
            kind: 'residual',
            name: 'block',
            layers: [{ kind: 'linear', name: '0', input: 6, output: 6 }, { kind: 'gelu' }],
          },
        ],
        6,
      ),
  },
  { of: 'every layer', options: () => layerTraining('every layer', everyLayer(6, 5), 5) },
  { of: 'one network for several tables and many pairs', options: () => manyTables() },
  { of: 'both sides, mixup and a learned temperature', options: () => fuseTraining(), mix: 0.3 },
];
