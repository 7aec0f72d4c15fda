import type { Objective } from '../backend.ts';
import { type Layer, outputWidth, parametersOf } from '../network.ts';
import { networkRuns } from '../trainer-options.ts';

/** Rows that are read, checked and hashed. */
export interface CheckWork {
  readonly kind: 'check';
  readonly rows: number;
  readonly cols: number;
}

/** Rows that are averages of a memory bank. */
export interface AggregateWork {
  readonly kind: 'aggregate';
  readonly queries: number;
  readonly bank: number;
  /** Columns of queries and keys. */
  readonly keyCols: number;
  readonly valueCols: number;
  /** The values are the keys. */
  readonly own: boolean;
}

/** Training steps. */
export interface TrainWork {
  readonly kind: 'train';
  readonly steps: number;
  readonly batch: number;
  readonly mixup: boolean;
  readonly networks: Readonly<Record<string, readonly Layer[]>>;
  readonly objective: Objective;
  /** Columns of every table. */
  readonly tables: Readonly<Record<string, number>>;
  /** Of every table. */
  readonly rows: number;
}

/** Rows that go through a mixture of networks. */
export interface ProjectWork {
  readonly kind: 'project';
  readonly rows: number;
  readonly mixture: readonly (readonly Layer[])[];
}

/** Statistics and principal axes of latents. */
export interface FitWork {
  readonly kind: 'fit';
  readonly rows: number;
  readonly cols: number;
  /** Axes that are kept; absent where latents are only scaled. */
  readonly axes?: number;
}

/** What a stage does, in numbers that no machine changes. */
export type Work = CheckWork | AggregateWork | TrainWork | ProjectWork | FitWork;

/** Floating-point operations of the products of a stage; what is elementwise is not counted. */
export function operationsOf(work: Work): number {
  switch (work.kind) {
    case 'check':
      return 0;
    case 'aggregate':
      // Each score and each weighted sum: a multiplication and an addition a column.
      return 2 * work.queries * work.bank * (work.keyCols + work.valueCols);
    case 'train':
      return work.steps * trainingStepOperations(work);
    case 'project':
      return 2 * work.rows * sum(work.mixture.map((layers) => sum(linears(layers).map(({ size }) => size))));
    case 'fit':
      return work.axes === undefined ? 0 : 2 * work.rows * work.cols ** 2;
  }
}

/**
 * Products of one step: each linear layer's weight meets each row forward and for its own gradient, and for its input's unless
 * nothing before it is trained; each pair's logits once forward, and once for each of its sides that is trained.
 */
export function trainingStepOperations({
  batch,
  mixup,
  networks,
  objective,
  tables,
}: Omit<TrainWork, 'steps'>): number {
  const rows = mixup ? batch / 2 : batch;
  const runs = networkRuns(objective).map(({ network }) => {
    const sizes = linears(networks[network] ?? []).map(({ size, leads }) => (leads ? 2 : 3) * size);
    return 2 * rows * sum(sizes);
  });
  const pairs = objective.pairs.map(({ left, right }) => {
    const trained = [left, right].filter(({ network }) => network !== undefined).length;
    const cols = left.network === undefined ? (tables[left.table] ?? 0) : outputWidth(networks[left.network] ?? []);
    return 2 * rows ** 2 * cols * (1 + trained);
  });
  return sum([...runs, ...pairs]);
}

/** Numbers of layers' parameters. */
export function parameterNumbers(layers: readonly Layer[]): number {
  return sum(parametersOf(layers).map(({ shape }) => shape.reduce((a, b) => a * b, 1)));
}

/** Numbers of a training state: every parameter, and two moments of those that gradients move. */
export function stateNumbers({ networks }: Pick<TrainWork, 'networks'>): number {
  const counts = Object.values(networks).flatMap((layers) =>
    parametersOf(layers).map(({ shape, role }) => (role === 'statistic' ? 1 : 3) * shape.reduce((a, b) => a * b, 1)),
  );
  return sum(counts);
}

/** Numbers that a step keeps for its way back: each layer's output in each run, and the logits of one pair. */
export function activationNumbers({ batch, mixup, networks, objective }: Omit<TrainWork, 'steps'>): number {
  const rows = mixup ? batch / 2 : batch;
  const runs = networkRuns(objective).map(({ network }) => rows * sum(layerWidths(networks[network] ?? [])));
  return sum(runs) + rows ** 2;
}

/** Bytes of the tables that are trained on. */
export function tableBytes({ rows, tables }: Pick<TrainWork, 'rows' | 'tables'>): number {
  return 4 * rows * sum(Object.values(tables));
}

/** Numbers of a stage's result that are written to disk, of training one checkpoint. */
export function writtenNumbers(work: Work): number {
  switch (work.kind) {
    case 'aggregate':
      return work.queries * work.valueCols;
    case 'project':
      return work.rows * outputWidth(work.mixture[0] ?? []);
    case 'train':
      return stateNumbers(work);
    case 'check':
    case 'fit':
      return 0;
  }
}

/** Sizes of the linear layers in order, and whether a layer leads: nothing before it has parameters. */
function linears(
  layers: readonly Layer[],
  leading = true,
): readonly { readonly size: number; readonly leads: boolean }[] {
  let leads = leading;
  return layers.flatMap((layer) => {
    const found =
      layer.kind === 'linear'
        ? [{ size: layer.input * layer.output, leads }]
        : layer.kind === 'residual'
          ? linears(layer.layers, leads)
          : [];
    if (parametersOf([layer]).length > 0) leads = false;
    return found;
  });
}

/** Columns that leave each layer, blocks and what is in them alike. */
export function layerWidths(layers: readonly Layer[], input = 0): readonly number[] {
  let width = input;
  return layers.flatMap((layer) => {
    if (layer.kind === 'linear') width = layer.output;
    else if (layer.kind === 'batch-norm' || layer.kind === 'layer-norm') width = layer.size;
    if (layer.kind !== 'residual') return [width];
    const inner = layerWidths(layer.layers, width);
    width = inner.at(-1) ?? width;
    return [...inner, width];
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
