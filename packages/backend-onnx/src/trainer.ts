import {
  checkStep,
  checkTrainer,
  dropoutKeys,
  type Matrix,
  type Side,
  stateTensors,
  type StepInput,
  type StepResult,
  type Tensor,
  type Trainer,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import { adamNumbers } from './adam.ts';
import { largestSharedLogit } from './info-nce.ts';
import type { Lifetime } from './lifetime.ts';
import { packArray, packNumber, packRows, unpackArray } from './packing.ts';
import { blocksOf } from './rows.ts';
import type { Packed } from './session-protocol.ts';
import type { Session, Sessions, State } from './sessions.ts';
import { dropoutInput, type StepGraph, tableInput, trainStep } from './train-step.ts';
import { type TrainingLayout, trainingLayout } from './training-layout.ts';
import { asIs } from './widths.ts';

/** Rows of one table for one step. */
interface Batch {
  readonly rows: Matrix;
  /** The largest ‖row‖₂, where the table is a side of a pair by itself. */
  readonly length: number;
}

/** Feeds the graph of `train-step.ts`; weights and moments stay in the worker. */
export class OnnxTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #layout: TrainingLayout;
  readonly #sessions: Sessions;
  readonly #lifetime: Lifetime;
  readonly #state: State;
  /** The graph that shares exponentials (true) and the one that need not; opened when a step first needs it. */
  readonly #graphs = new Map<boolean, { readonly graph: StepGraph; readonly session: Session }>();
  /** Feeds of the last step, by graph input, to be written over. */
  #spent: Readonly<Record<string, Packed>> = {};
  #step: number;
  /** Of the next step, before the clamp. */
  #temperature: number;
  /** Steps and snapshots run one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: TrainerOptions, sessions: Sessions, lifetime: Lifetime, state: State) {
    this.#options = options;
    this.#layout = trainingLayout(options);
    this.#sessions = sessions;
    this.#lifetime = lifetime;
    this.#state = state;
    this.#step = options.state?.step ?? 0;
    this.#temperature = Math.fround(
      options.state?.tensors['temperature']?.data[0] ?? options.objective.temperature.initial,
    );
  }

  /** @throws what `checkTrainer` throws */
  static async open(options: TrainerOptions, sessions: Sessions, lifetime: Lifetime): Promise<OnnxTrainer> {
    checkTrainer(options);
    const { stored } = trainingLayout(options);
    const initial = initialState(options);
    const tensors = stateTensors(options).map(({ name, shape }): [string, Packed] => {
      const data = (options.state?.tensors ?? initial)[name]?.data;
      return [name, packArray(data, shape, stored.get(name) ?? asIs(shape))];
    });
    return new OnnxTrainer(options, sessions, lifetime, await sessions.keep(Object.fromEntries(tensors)));
  }

  async step(input: StepInput): Promise<StepResult> {
    this.#lifetime.check();
    checkStep(this.#options, input);
    // Before its turn: a caller that asks for the next step early has its rows gathered while this one runs.
    const gathering = this.#gather(input.rows);
    gathering.catch(() => undefined); // it is awaited below, in its turn
    return this.#inTurn(async () => this.#update(input, await gathering));
  }

  snapshot(): Promise<TrainerState> {
    return this.#inTurn(async () => {
      const copied = await this.#state.copy();
      const tensors = stateTensors(this.#options).map(({ name, shape }): [string, Tensor] => {
        const packed = copied[name];
        const kept = this.#layout.stored.get(name) ?? asIs(shape);
        return [name, { shape, data: packed === undefined ? new Float32Array(0) : unpackArray(packed, shape, kept) }];
      });
      return { step: this.#step, tensors: Object.fromEntries(tensors) };
    });
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await Promise.all([this.#state.close(), ...[...this.#graphs.values()].map(({ session }) => session.close())]);
  }

  async #update(input: StepInput, gathered: ReadonlyMap<string, Batch>): Promise<StepResult> {
    this.#lifetime.check();
    const { learned } = this.#options.objective.temperature;
    const temperature = learned
      ? Math.min(Math.max(this.#temperature, Math.fround(learned.min)), Math.fround(learned.max))
      : this.#temperature;
    const shared = this.#largestLogit(gathered, temperature) <= largestSharedLogit(this.#layout.rows);
    const { graph, session } = await this.#open(shared);
    this.#lifetime.check();
    const { outputs, feeds = {} } = await session.run(this.#feed(graph, gathered, input), this.#state);
    this.#spent = feeds;
    this.#step += 1;
    this.#temperature = outputs['temperature.next'] ? readNumber(outputs['temperature.next']) : this.#temperature;
    return { loss: readNumber(outputs['loss']), temperature };
  }

  #feed(graph: StepGraph, gathered: ReadonlyMap<string, Batch>, input: StepInput): Readonly<Record<string, Packed>> {
    const { rows } = this.#layout;
    const feeds: Record<string, Packed> = {};
    const numbers = adamNumbers(this.#options.optimizer, this.#step + 1, input.learningRate);
    for (const [name, x] of Object.entries(numbers)) feeds[`adam.${name}`] = packNumber(x);
    if (!this.#options.objective.temperature.learned) feeds['temperature'] = packNumber(this.#temperature);
    const { mix } = input;
    if (mix !== undefined) feeds['mix'] = { type: 'float32', dims: [1, 2], data: Float32Array.of(mix, 1 - mix) };
    for (const { table, width } of graph.tables) {
      const batch = gathered.get(table)?.rows;
      blocksOf(rows).forEach(({ start, end }, block) => {
        if (batch === undefined) return;
        const name = tableInput(table, width, block);
        // With mixup, the rows of the first half and then their partners of the second.
        const parts = mix === undefined ? [start] : [start, rows + start];
        const packed = packRows(batch, parts, end - start, width, this.#spent[name]?.data);
        feeds[name] = mix === undefined ? packed : { ...packed, dims: [2, (end - start) * width] };
      });
    }
    for (const { run, layer, cols, rate } of graph.dropouts) {
      const keys = dropoutKeys({ seed: input.seed ?? 0, run, layer, rows, cols, rate });
      for (const name of ['rowA', 'rowB', 'colA', 'colB'] as const) {
        const dims = name.startsWith('row') ? [rows, 1] : [1, cols];
        feeds[dropoutInput(run, layer, name)] = { type: 'int32', dims, data: keys[name] };
      }
    }
    return feeds;
  }

  /** The batch's rows of every table that a pair names. */
  async #gather(rows: Int32Array): Promise<ReadonlyMap<string, Batch>> {
    const sides = this.#options.objective.pairs.flatMap(({ left, right }) => [left, right]);
    const gathered = new Map<string, Batch>();
    for (const name of new Set(sides.map(({ table }) => table))) {
      const batch = await this.#options.tables[name]?.gather(rows);
      const frozen = sides.some(({ table, network }) => table === name && network === undefined);
      if (batch !== undefined) gathered.set(name, { rows: batch, length: frozen ? longestRow(batch) : Infinity });
    }
    return gathered;
  }

  /** A bound on |x · y| / τ in every pair: rows of tables may be of any length, and so may those of open networks. */
  #largestLogit(gathered: ReadonlyMap<string, Batch>, temperature: number): number {
    const { pairs } = this.#options.objective;
    const lengthOf = ({ table, network }: Side): number => {
      if (network === undefined) return gathered.get(table)?.length ?? Infinity;
      return this.#options.networks[network]?.layers.at(-1)?.kind === 'normalise' ? 1 : Infinity;
    };
    return Math.max(...pairs.map(({ left, right }) => (lengthOf(left) * lengthOf(right)) / temperature));
  }

  async #open(shared: boolean): Promise<{ readonly graph: StepGraph; readonly session: Session }> {
    const known = this.#graphs.get(shared);
    if (known !== undefined) return known;
    const graph = trainStep(this.#options, this.#layout, shared);
    const opened = { graph, session: await this.#sessions.open(graph.model) };
    this.#graphs.set(shared, opened);
    return opened;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      this.#lifetime.check();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** Where training starts: the networks' weights and the initial temperature, by their names in a `TrainerState`. */
function initialState({ networks, objective }: TrainerOptions): Readonly<Record<string, Pick<Tensor, 'data'>>> {
  const weights = Object.entries(networks).flatMap(([network, { weights }]) =>
    Object.entries(weights).map(([name, tensor]): [string, Pick<Tensor, 'data'>] => [`${network}/${name}`, tensor]),
  );
  return { ...Object.fromEntries(weights), temperature: { data: Float32Array.of(objective.temperature.initial) } };
}

/** The largest ‖row‖₂. */
function longestRow({ rows, cols, data }: Matrix): number {
  let largest = 0;
  for (let r = 0, at = 0; r < rows; r++) {
    let sum = 0;
    for (const end = at + cols; at < end; at++) {
      const x = data[at] ?? 0;
      sum += x * x;
    }
    if (!(sum <= largest)) largest = sum; // also when it is NaN
  }
  return Math.sqrt(largest);
}

function readNumber(packed: Packed | undefined): number {
  return Number(packed?.data[0] ?? Number.NaN);
}
