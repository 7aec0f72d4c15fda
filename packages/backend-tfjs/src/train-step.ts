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
import type { Emission, Pass } from './emission.ts';
import { type InfoNce, infoNce } from './info-nce.ts';
import { forward } from './layers.ts';
import { Program, type Value } from './program.ts';
import { isOfTemperature } from './temperature.ts';
import type { Compiled } from './worker-protocol.ts';

/** A training step, and what it must be fed beside its state: `temperature`, `adam.rate`, `adam.floor`, `adam.keep`, with mixup `mix`, and these. */
export interface StepProgram {
  readonly compiled: Compiled;
  /** Tables, each fed as its batch of rows under `table/NAME`. */
  readonly tables: readonly string[];
  readonly dropouts: readonly DropoutFeed[];
}
export interface DropoutFeed {
  readonly run: number;
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  readonly rate: number;
}

/** Program input of a table's batch. */
export const tableInput = (table: string): string => `table/${table}`;
/** Program input of one of the four key vectors of a dropout layer. */
export const dropoutInput = ({ run, layer }: DropoutFeed, key: string): string => `dropout/${run}/${layer}/${key}`;

/**
 * The whole training step as one program: gather is done, so mix, forward, loss, backward, Adam. The state's tensors, but for
 * those of the temperature, are inputs under their names and outputs under `next/NAME`. `shared`: no logit is larger than `largestSharedLogit` says.
 */
export function trainStep(options: TrainerOptions, shared: boolean): StepProgram {
  const { objective, optimizer, networks } = options;
  const program = new Program();
  const dropouts: DropoutFeed[] = [];
  const tensors = stateTensors(options).filter(({ name }) => !isOfTemperature(name));
  const state = new Map(tensors.map(({ name, shape }) => [name, program.input(name, shape)]));
  const read = (name: string): Value => state.get(name) ?? program.scalar(0);
  const tables = batches(program, options);

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
      dropout: (rate, rows, cols) => {
        const feed = { run, layer: dropoutLayers++, rows, cols, rate };
        dropouts.push(feed);
        return () => dropoutMask(program, feed);
      },
    };
    const layers = networks[network]?.layers ?? [];
    passes.set(key({ network, table }), forward(emission, layers, tables(table, inputWidth(layers))));
  });
  const widthOf = ({ table, network }: Side): number =>
    network === undefined ? (options.tables[table]?.cols ?? 0) : outputWidth(networks[network]?.layers ?? []);
  const rowsOf = (side: Side): Value => passes.get(key(side))?.output ?? tables(side.table, widthOf(side));

  const inverse = program.reciprocal(program.input('temperature', []));

  // The loss is a mean over rows and pairs; gradients take their share once, where they enter a network.
  const rows = options.mixup ? options.batch / 2 : options.batch;
  const share = 1 / (rows * objective.pairs.length);
  const back = new Map<string, Value>();
  const pull = (side: Side, gradient: Value): void => {
    const before = back.get(key(side));
    back.set(key(side), before === undefined ? gradient : program.add(before, gradient));
  };
  const pairs: InfoNce[] = [];
  for (const { left, right } of objective.pairs) {
    // Rows run over x: the side that is trained, if there is one. The loss is the same either way.
    const [x, y] = left.network === undefined ? [right, left] : [left, right];
    const pair = infoNce(program, rowsOf(x), rowsOf(y), inverse, shared);
    pairs.push(pair);
    pull(x, pair.gradients.x);
    pull(y, pair.gradients.y);
  }
  for (const [run, pass] of passes) {
    const gradient = back.get(run);
    if (gradient !== undefined) pass.backward(program.scale(gradient, share));
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
  const sides = objective.pairs.flatMap(({ left, right }) => [left.table, right.table]);
  return { compiled: program.compile(), tables: [...new Set(sides)], dropouts };
}

/** The batch of a table, mixed when the training mixes. */
function batches(program: Program, { batch, mixup }: TrainerOptions): (table: string, width: number) => Value {
  const known = new Map<string, Value>();
  return (table, width) => {
    const made = known.get(table) ?? mixed(program.input(tableInput(table), [batch, width]));
    known.set(table, made);
    return made;
  };

  /** λ · first half + (1 − λ) · second half: FuseMix, equation 3. */
  function mixed(rows: Value): Value {
    if (!mixup) return rows;
    const mix = program.input('mix', []);
    const first = program.mul(program.rows(rows, 0, batch / 2), mix);
    return program.add(first, program.mul(program.rows(rows, batch / 2, batch), program.sub(program.scalar(1), mix)));
  }
}

function dropoutMask(program: Program, feed: DropoutFeed): Value {
  const { rows, cols, rate, run, layer } = feed;
  const vector = (name: string, size: number): Value => program.input(dropoutInput(feed, name), [size]);
  const { threshold, scale } = dropoutKeys({ seed: 0, run, layer, rows: 0, cols: 0, rate });
  const keys = {
    rowA: vector('rowA', rows),
    rowB: vector('rowB', rows),
    colA: vector('colA', cols),
    colB: vector('colB', cols),
  };
  return program.apply('DropoutMask', keys, [rows, cols], { threshold, scale });
}

function key({ network, table }: Side): string {
  return JSON.stringify([network, table]);
}
