import { dropoutKeys, networkRuns, type Side, stateTensors, type TrainerOptions } from '@freebind/core';
import { adam, type AdamInputs } from './adam.ts';
import type { DropoutInputs, Emission, Pass } from './emission.ts';
import { Graph, type Value } from './graph.ts';
import { infoNce } from './info-nce.ts';
import { runLayers } from './layers.ts';
import { blocksOf, type Rows } from './rows.ts';
import type { TrainingLayout } from './training-layout.ts';

/**
 * A training step, and what it must be fed beside its state: `adam.rate`, `adam.floor`, `adam.keep`, with mixup `mix`, the
 * blocks of the layout's tables, which `tableInput` names, and these.
 */
export interface StepGraph {
  readonly model: Uint8Array;
  readonly dropouts: readonly DropoutFeed[];
}
export interface DropoutFeed {
  readonly run: number;
  readonly layer: number;
  readonly cols: number;
  readonly rate: number;
}

/** Graph input of block `block` of a table's rows, padded to `width` columns. */
export const tableInput = (table: string, width: number, block: number): string => `table/${table}/${width}/${block}`;
/** Graph input of one of the four key vectors of a dropout layer. */
export const dropoutInput = (run: number, layer: number, key: string): string => `dropout/${run}/${layer}/${key}`;

/** A step's graph that has come as far as the rows that are compared. */
export interface BegunStep {
  readonly graph: Graph;
  readonly dropouts: readonly DropoutFeed[];
  /** 1/τ, τ within its clamp. */
  readonly inverse: Value;
  /** Rows of a side in blocks. */
  readonly rowsOf: (side: Side) => Rows;
  /** Backward and Adam, from the gradients of every pair; gives the state out. */
  readonly update: (pairs: readonly PairGradients[]) => void;
}

/** ∂loss/∂x, ∂loss/∂y where y is trained, and ∂loss/∂τ, of the sum over the batch. */
export type PairGradients = {
  readonly gradients: { readonly x: Rows; readonly y?: Rows };
  readonly temperatureGradient: Value;
};

/** The sides of every pair. Blocks of rows run over x: the side that is trained, if there is one. The loss is the same either way. */
export function pairsOf({
  objective,
}: TrainerOptions): readonly { readonly x: Side; readonly y: Side; readonly trainsY: boolean }[] {
  return objective.pairs.map(({ left, right }) => {
    const [x, y] = left.network === undefined ? [right, left] : [left, right];
    return { x, y, trainsY: y.network !== undefined };
  });
}

/**
 * The whole training step as one graph: gather is done, so mix, forward, loss, backward, Adam. The state's tensors are
 * inputs under their names and outputs under `next/NAME`. `shared`: no logit is larger than `largestSharedLogit` says.
 */
export function trainStep(options: TrainerOptions, layout: TrainingLayout, shared: boolean): StepGraph {
  const { graph, dropouts, inverse, rowsOf, update } = beginStep(options, layout);
  const pairs = pairsOf(options).map(({ x, y }) => infoNce(graph, rowsOf(x), rowsOf(y), inverse, shared));
  update(pairs);
  const loss = pairs.map((pair) => pair.loss).reduce((a, b) => graph.add(a, b));
  graph.output('loss', graph.mul(loss, graph.scalar(shareOf(options, layout))));
  return { model: graph.encode(), dropouts };
}

/** The loss is a mean over rows and pairs: what each has of it. */
export function shareOf({ objective }: TrainerOptions, { rows }: TrainingLayout): number {
  return 1 / (rows * objective.pairs.length);
}

/** Mixes and runs the networks. */
export function beginStep(options: TrainerOptions, layout: TrainingLayout): BegunStep {
  const { objective, optimizer } = options;
  const graph = new Graph();
  const dropouts: DropoutFeed[] = [];
  const tensors = stateTensors(options);
  const state = new Map(tensors.map(({ name }) => [name, graph.input(name, layout.stored.get(name)?.dims ?? [])]));
  const read = (name: string): Value => state.get(name) ?? graph.scalar(0);
  const tableRows = tableInputs(graph, options, layout);

  const gradients = new Map<string, Value>();
  const accumulate = (name: string, add: (sum: Value | undefined) => Value): void => {
    gradients.set(name, add(gradients.get(name)));
  };

  const passes = new Map<string, Pass>();
  networkRuns(objective).forEach(({ network, table }, run) => {
    let dropoutLayers = 0;
    const emission: Emission = {
      graph,
      statistics: 'batch',
      read: (name) => read(`${network}/${name}`),
      move: (name, value) => void state.set(`${network}/${name}`, value),
      accumulate: (name, add) => accumulate(`${network}/${name}`, add),
      dropoutKeys: (rate, cols) => {
        const feed = { run, layer: dropoutLayers++, cols, rate };
        dropouts.push(feed);
        return dropoutInputs(graph, feed, layout.rows);
      },
    };
    const width = layout.networks.get(network)?.input ?? 0;
    passes.set(
      key({ network, table }),
      runLayers(emission, options.networks[network]?.layers ?? [], tableRows(table, width)),
    );
  });

  const { learned } = objective.temperature;
  // In place, as FuseMix: Adam goes on from the value that was used, so one beyond a bound can come back.
  if (learned) state.set('temperature', clamp(graph, read('temperature'), learned));
  const temperature = learned ? read('temperature') : graph.input('temperature', []);

  const update = (pairs: readonly PairGradients[]): void => {
    const back = new Map<string, Rows>();
    pairsOf(options).forEach(({ x, y }, i) => {
      const { gradients: { x: dx, y: dy } = { x: [] }, temperatureGradient } = pairs[i] ?? {};
      pull(graph, back, key(x), dx);
      if (dy !== undefined) pull(graph, back, key(y), dy);
      if (learned && temperatureGradient)
        accumulate('temperature', (sum) => (sum ? graph.add(sum, temperatureGradient) : temperatureGradient));
    });
    // Gradients take their share once, where they enter a network.
    const share = graph.scalar(shareOf(options, layout));
    for (const [run, pass] of passes) pass.backward((back.get(run) ?? []).map((rows) => graph.mul(rows, share)));
    if (learned) accumulate('temperature', (sum) => graph.mul(sum ?? share, share));

    const inputs: AdamInputs = {
      rate: graph.input('adam.rate', []),
      floor: graph.input('adam.floor', []),
      keep: graph.input('adam.keep', []),
    };
    for (const { name, trained } of tensors) {
      if (!trained) continue;
      const value = read(name);
      const gradient = graph.reshape(gradients.get(name) ?? graph.mul(value, graph.scalar(0)), value.shape.map(Number));
      const moments = { value, m: read(`adam.m/${name}`), v: read(`adam.v/${name}`) };
      const next = adam(graph, moments, gradient, optimizer, inputs);
      state.set(name, next.value).set(`adam.m/${name}`, next.m).set(`adam.v/${name}`, next.v);
    }
    graph.outputUnreadable();
    for (const { name } of tensors) graph.output(`next/${name}`, read(name));
    if (learned) graph.output('temperature.next', read('temperature'));
  };

  return {
    graph,
    dropouts,
    inverse: graph.reciprocal(temperature),
    rowsOf: (side) => passes.get(key(side))?.output ?? tableRows(side.table, layout.output(side)),
    update,
  };
}

/** Rows of a table in blocks, mixed when the training mixes; each table and width becomes inputs when it is first used. */
function tableInputs(
  graph: Graph,
  options: TrainerOptions,
  layout: TrainingLayout,
): (table: string, width: number) => Rows {
  const mix = options.mixup ? graph.input('mix', [1, 2]) : undefined;
  const known = new Map<string, Rows>();
  return (table, width) => {
    const made =
      known.get(`${table}/${width}`) ??
      blocksOf(layout.rows).map(({ start, end }, block): Value => {
        const [rows, name] = [end - start, tableInput(table, width, block)];
        if (mix === undefined) return graph.input(name, [rows, width]);
        // λ · first half + (1 − λ) · second half (FuseMix, equation 3): [λ, 1 − λ] times both halves as two long rows.
        return graph.reshape(graph.gemm(mix, graph.input(name, [2, rows * width])), [rows, width]);
      });
    known.set(`${table}/${width}`, made);
    return made;
  };
}

function dropoutInputs(graph: Graph, { run, layer, cols, rate }: DropoutFeed, rows: number): DropoutInputs {
  const vector = (name: string, shape: readonly number[]): Value =>
    graph.input(dropoutInput(run, layer, name), shape, 'int32');
  const { threshold, scale } = dropoutKeys({ seed: 0, run, layer, rows: 0, cols: 0, rate });
  return {
    rowA: vector('rowA', [rows, 1]),
    rowB: vector('rowB', [rows, 1]),
    colA: vector('colA', [1, cols]),
    colB: vector('colB', [1, cols]),
    threshold: graph.constant([], Int32Array.of(threshold)),
    scale: graph.scalar(scale),
  };
}

function clamp(graph: Graph, x: Value, { min, max }: { readonly min: number; readonly max: number }): Value {
  return graph.apply('Clip', [x, graph.scalar(min), graph.scalar(max)], []);
}

/** Adds to what flows back into a side's rows. */
function pull(graph: Graph, back: Map<string, Rows>, side: string, gradient: Rows): void {
  const before = back.get(side);
  back.set(side, before === undefined ? gradient : gradient.map((g, i) => graph.add(before[i] ?? g, g)));
}

function key({ network, table }: Side): string {
  return JSON.stringify([network, table]);
}
