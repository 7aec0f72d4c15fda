import {
  dropoutKeys,
  inputWidth,
  networkRuns,
  outputWidth,
  type Side,
  stateTensors,
  type TrainerOptions,
} from '@freebind/core';
import { adam, type AdamInputs } from './adam.ts';
import { BLOCK, type Blocks, blockwise, type Span, spansOf } from './blocks.ts';
import type { Emission, Pass } from './emission.ts';
import { type InfoNce, infoNce } from './info-nce.ts';
import { forward } from './layers.ts';
import { Program, type Value } from './program.ts';
import { isOfTemperature } from './temperature.ts';
import type { Compiled } from './worker-protocol.ts';

/**
 * A training step, and what it must be fed beside its state and the parts of its batch: `temperature`, `adam.rate`, `adam.floor`,
 * `adam.keep`, with mixup `mix`, and these.
 */
export interface StepProgram {
  readonly compiled: Compiled;
  readonly dropouts: readonly DropoutFeed[];
}
/** Rows `start` to `end` (exclusive) of a table's batch, which are an input of their own. */
export interface BatchPart extends Span {
  readonly table: string;
}
export interface DropoutFeed {
  readonly run: number;
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  readonly rate: number;
}

/** Program input of a part of a batch. */
export const partInput = ({ table, start }: Pick<BatchPart, 'table' | 'start'>): string => `table/${table}/${start}`;
/** Program input of one of the four key vectors of a dropout layer. */
export const dropoutInput = ({ run, layer }: DropoutFeed, key: string): string => `dropout/${run}/${layer}/${key}`;

/**
 * The whole training step as one program: gather is done, so mix, forward, loss, backward, Adam. The state's tensors, but for
 * those of the temperature, are inputs under their names and outputs under `next/NAME`. `shared`: no logit is larger than
 * `largestSharedLogit` says. `block`: rows of a block, at most.
 */
export function trainStep(options: TrainerOptions, shared: boolean, block = BLOCK): StepProgram {
  const { objective, optimizer, networks } = options;
  const program = new Program();
  const dropouts: DropoutFeed[] = [];
  const rows = rowsOfLoss(options);
  const tensors = stateTensors(options).filter(({ name }) => !isOfTemperature(name));
  const state = new Map(tensors.map(({ name, shape }) => [name, program.input(name, shape)]));
  const read = (name: string): Value => state.get(name) ?? program.scalar(0);
  const tables = batches(program, options, block);

  const gradients = new Map<string, Value>();
  const accumulate = (name: string, gradient: Value): void => {
    const before = gradients.get(name);
    const own = program.reshape(gradient, read(name).shape.map(Number));
    gradients.set(name, before === undefined ? own : program.add(before, own));
  };

  const passes = new Map<string, Pass>();
  networkRuns(objective).forEach(({ network, table }, run) => {
    let dropoutLayers = 0;
    const emission: Emission = {
      program,
      statistics: 'batch',
      read: (name) => read(`${network}/${name}`),
      move: (name, value) => void state.set(`${network}/${name}`, value),
      accumulate: (name, gradient) => accumulate(`${network}/${name}`, gradient),
      dropout: (rate, cols) => {
        const feed = { run, layer: dropoutLayers++, rows, cols, rate };
        dropouts.push(feed);
        return (of) => dropoutMask(program, feed, of);
      },
    };
    const layers = networks[network]?.layers ?? [];
    passes.set(key({ network, table }), forward(emission, layers, tables(table, inputWidth(layers))));
  });
  const widthOf = ({ table, network }: Side): number =>
    network === undefined ? (options.tables[table]?.cols ?? 0) : outputWidth(networks[network]?.layers ?? []);
  const rowsOf = (side: Side): Blocks => passes.get(key(side))?.output ?? tables(side.table, widthOf(side));

  const inverseTemperature = program.reciprocal(program.input('temperature', []));

  const back = new Map<string, Blocks>();
  const pull = (side: Side, gradient: Blocks): void => {
    const before = back.get(key(side));
    back.set(key(side), before === undefined ? gradient : blockwise(program.add, before, gradient));
  };
  // The loss is a mean over rows and pairs.
  const share = 1 / (rows * objective.pairs.length);
  const pairs: InfoNce[] = [];
  for (const { left, right } of objective.pairs) {
    // Rows run over x: the side that is trained, if there is one. The loss is the same either way.
    const [x, y] = left.network === undefined ? [right, left] : [left, right];
    const pair = infoNce(program, { x: rowsOf(x), y: rowsOf(y) }, { inverseTemperature, share, shared });
    pairs.push(pair);
    pull(x, pair.gradients.x);
    pull(y, pair.gradients.y);
  }
  for (const [run, pass] of passes) {
    const gradient = back.get(run);
    if (gradient !== undefined) pass.backward(gradient);
  }

  // Numbers of each row, which the trainer sums in float64.
  program.output('losses', program.sum(pairs.map(({ losses }) => losses)));
  if (objective.temperature.learned) program.output('along', program.sum(pairs.map(({ along }) => along)));
  const inputs: AdamInputs = {
    rate: program.input('adam.rate', []),
    floor: program.input('adam.floor', []),
    keep: program.input('adam.keep', []),
  };
  for (const { name, trained } of tensors) {
    if (!trained) continue;
    const value = read(name);
    // A network that no pair uses has no gradient.
    const gradient = gradients.get(name) ?? program.scale(value, 0);
    const moments = { value, m: read(`adam.m/${name}`), v: read(`adam.v/${name}`) };
    const next = adam(program, moments, gradient, optimizer, inputs);
    state.set(name, next.value).set(`adam.m/${name}`, next.m).set(`adam.v/${name}`, next.v);
  }
  for (const { name } of tensors) program.output(`next/${name}`, read(name));
  return { compiled: program.compile(), dropouts };
}

/** Rows that a step's losses are of: mixing makes one of two. */
export function rowsOfLoss({ batch, mixup }: TrainerOptions): number {
  return mixup ? batch / 2 : batch;
}

/** The parts of a batch, of all tables that pairs name: of `block` rows at most. */
export function batchParts(options: TrainerOptions, block: number): readonly BatchPart[] {
  const rows = rowsOfLoss(options);
  const tables = new Set(options.objective.pairs.flatMap(({ left, right }) => [left.table, right.table]));
  const firsts = options.mixup ? [0, rows] : [0];
  return [...tables].flatMap((table) =>
    spansOf(rows, block).flatMap(({ start, end }) =>
      firsts.map((first) => ({ table, start: first + start, end: first + end })),
    ),
  );
}

/** The batch of a table, mixed when the training mixes: λ · first half + (1 − λ) · second half (FuseMix, equation 3). */
function batches(program: Program, options: TrainerOptions, block: number): (table: string, width: number) => Blocks {
  const known = new Map<string, Blocks>();
  const rows = rowsOfLoss(options);
  const made = (table: string, width: number): Blocks =>
    spansOf(rows, block).map(({ start, end }) => {
      const part = (first: number): Value =>
        program.input(partInput({ table, start: first + start }), [end - start, width]);
      if (!options.mixup) return part(0);
      const mix = program.input('mix', []);
      const rest = program.sub(program.scalar(1), mix);
      return program.add(program.mul(part(0), mix), program.mul(part(rows), rest));
    });
  return (table, width) => {
    const blocks = known.get(table) ?? made(table, width);
    known.set(table, blocks);
    return blocks;
  };
}

function dropoutMask(program: Program, feed: DropoutFeed, { start, end }: Span): Value {
  const { rows, cols, rate, run, layer } = feed;
  const vector = (name: string, size: number): Value => program.input(dropoutInput(feed, name), [size]);
  const { threshold, scale } = dropoutKeys({ seed: 0, run, layer, rows: 0, cols: 0, rate });
  const keys = {
    rowA: vector('rowA', rows),
    rowB: vector('rowB', rows),
    colA: vector('colA', cols),
    colB: vector('colB', cols),
  };
  return program.apply('DropoutMask', keys, [end - start, cols], { threshold, scale, start, end });
}

function key({ network, table }: Side): string {
  return JSON.stringify([network, table]);
}
