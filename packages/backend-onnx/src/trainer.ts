import {
  checkStep,
  checkTrainer,
  dropoutKeys,
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
import { gather, type Gathered } from './gather.ts';
import { largestSharedLogit } from './info-nce.ts';
import type { Lifetime } from './lifetime.ts';
import { packArray, packNumber, unpackArray } from './packing.ts';
import type { Packed, PackedByName } from './session-protocol.ts';
import type { Session, Sessions, State } from './sessions.ts';
import { MOST_LOGITS, type OpenGraph } from './streamed-info-nce.ts';
import { StreamedStep } from './streamed-step.ts';
import { dropoutInput, type StepGraph, trainStep } from './train-step.ts';
import { type TrainingLayout, trainingLayout } from './training-layout.ts';
import { asIs } from './widths.ts';

/** When a step's logits are streamed, and in what tiles. */
export interface Streaming {
  /** Logits that are kept whole, at most. */
  readonly mostLogits?: number;
  /** Rows and columns of a tile; by default as `StreamedInfoNce` has them. */
  readonly tile?: number;
}

/** A step that is ready to be run. */
interface OpenedStep {
  readonly dropouts: StepGraph['dropouts'];
  run(feeds: PackedByName): ReturnType<Session['run']>;
}

/** Feeds the graph of `train-step.ts`; weights and moments stay in the worker. */
export class OnnxTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #layout: TrainingLayout;
  readonly #sessions: Sessions;
  readonly #lifetime: Lifetime;
  readonly #state: State;
  readonly #streaming: Streaming & { readonly open: OpenGraph };
  /** The graph that shares exponentials (true) and the one that need not; opened when a step first needs it. */
  readonly #graphs = new Map<boolean, { readonly graph: StepGraph; readonly session: Session }>();
  /** The step of a batch whose logits are streamed, opened when it is first needed. */
  #streamed: Promise<StreamedStep> | undefined;
  /** Feeds of the last step, by graph input, to be written over. */
  #spent: Readonly<Record<string, Packed>> = {};
  #step: number;
  /** Of the next step, before the clamp. */
  #temperature: number;
  /** Steps and snapshots run one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    options: TrainerOptions,
    sessions: Sessions,
    lifetime: Lifetime,
    state: State,
    streaming: Streaming & { readonly open: OpenGraph },
  ) {
    this.#options = options;
    this.#streaming = streaming;
    this.#layout = trainingLayout(options);
    this.#sessions = sessions;
    this.#lifetime = lifetime;
    this.#state = state;
    this.#step = options.state?.step ?? 0;
    this.#temperature = Math.fround(
      options.state?.tensors['temperature']?.data[0] ?? options.objective.temperature.initial,
    );
  }

  /** `open` keeps graphs that do not depend on what is trained. @throws what `checkTrainer` throws */
  static async open(
    options: TrainerOptions,
    sessions: Sessions,
    lifetime: Lifetime,
    streaming: Streaming & { readonly open: OpenGraph },
  ): Promise<OnnxTrainer> {
    checkTrainer(options);
    const { stored } = trainingLayout(options);
    const initial = initialState(options);
    const tensors = stateTensors(options).map(({ name, shape }): [string, Packed] => {
      const data = (options.state?.tensors ?? initial)[name]?.data;
      return [name, packArray(data, shape, stored.get(name) ?? asIs(shape))];
    });
    const state = await sessions.keep(Object.fromEntries(tensors));
    return new OnnxTrainer(options, sessions, lifetime, state, streaming);
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
    const streamed = await this.#streamed?.catch(() => undefined); // the step that opened it was told
    const graphs = [...this.#graphs.values()].map(({ session }) => session);
    await Promise.all([this.#state, ...graphs, ...(streamed ? [streamed] : [])].map((opened) => opened.close()));
  }

  async #update(input: StepInput, gathered: Gathered): Promise<StepResult> {
    this.#lifetime.check();
    const { learned } = this.#options.objective.temperature;
    const temperature = learned
      ? Math.min(Math.max(this.#temperature, Math.fround(learned.min)), Math.fround(learned.max))
      : this.#temperature;
    const shared = this.#largestLogit(gathered.lengths, temperature) <= largestSharedLogit(this.#layout.rows);
    const step = await this.#open(shared, input.progress);
    this.#lifetime.check();
    const { outputs, feeds = {} } = await step.run({ ...gathered.feeds, ...this.#feed(step.dropouts, input) });
    this.#spent = feeds;
    this.#step += 1;
    this.#temperature = outputs['temperature.next'] ? readNumber(outputs['temperature.next']) : this.#temperature;
    return { loss: readNumber(outputs['loss']), temperature };
  }

  /** What a step is fed beside the tables. */
  #feed(dropouts: StepGraph['dropouts'], input: StepInput): PackedByName {
    const { rows } = this.#layout;
    const feeds: Record<string, Packed> = {};
    const numbers = adamNumbers(this.#options.optimizer, this.#step + 1, input.learningRate);
    for (const [name, x] of Object.entries(numbers)) feeds[`adam.${name}`] = packNumber(x);
    if (!this.#options.objective.temperature.learned) feeds['temperature'] = packNumber(this.#temperature);
    const { mix } = input;
    if (mix !== undefined) feeds['mix'] = { type: 'float32', dims: [1, 2], data: Float32Array.of(mix, 1 - mix) };
    for (const { run, layer, cols, rate } of dropouts) {
      const keys = dropoutKeys({ seed: input.seed ?? 0, run, layer, rows, cols, rate });
      for (const name of ['rowA', 'rowB', 'colA', 'colB'] as const) {
        const dims = name.startsWith('row') ? [rows, 1] : [1, cols];
        feeds[dropoutInput(run, layer, name)] = { type: 'int32', dims, data: keys[name] };
      }
    }
    return feeds;
  }

  #gather(rows: Int32Array): Promise<Gathered> {
    const spent = this.#spent;
    this.#spent = {};
    return gather(this.#options, this.#layout, rows, spent);
  }

  /** A bound on |x · y| / τ in every pair: rows of tables may be of any length, and so may those of open networks. */
  #largestLogit(lengths: Gathered['lengths'], temperature: number): number {
    const { pairs } = this.#options.objective;
    const lengthOf = ({ table, network }: Side): number => {
      if (network === undefined) return lengths.get(table) ?? Infinity;
      return this.#options.networks[network]?.layers.at(-1)?.kind === 'normalise' ? 1 : Infinity;
    };
    return Math.max(...pairs.map(({ left, right }) => (lengthOf(left) * lengthOf(right)) / temperature));
  }

  async #open(shared: boolean, progress: StepInput['progress']): Promise<OpenedStep> {
    const { mostLogits = MOST_LOGITS, ...streaming } = this.#streaming;
    if (this.#layout.rows ** 2 > mostLogits) {
      this.#streamed ??= StreamedStep.open(this.#options, this.#layout, this.#sessions, streaming);
      const streamed = await this.#streamed;
      const how = { shared, progress, check: () => this.#lifetime.check() };
      return { dropouts: streamed.dropouts, run: (feeds) => streamed.run(feeds, this.#state, how) };
    }
    const { graph, session } = this.#graphs.get(shared) ?? (await this.#openWhole(shared));
    return { dropouts: graph.dropouts, run: (feeds) => session.run(feeds, this.#state) };
  }

  async #openWhole(shared: boolean): Promise<{ readonly graph: StepGraph; readonly session: Session }> {
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

function readNumber(packed: Packed | undefined): number {
  return Number(packed?.data[0] ?? Number.NaN);
}
