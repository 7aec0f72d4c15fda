import {
  checkStep,
  checkTrainer,
  dropoutKeys,
  longestRow,
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
import type { Device, OpenProgram, State } from './device.ts';
import { largestSharedLogit } from './info-nce.ts';
import type { Lifetime } from './lifetime.ts';
import { numbersOf, packArray, packNumber, packRows } from './packing.ts';
import { isOfTemperature, TrainedTemperature } from './temperature.ts';
import { dropoutInput, type StepProgram, tableInput, trainStep } from './train-step.ts';
import type { Packed } from './worker-protocol.ts';

/** Rows of one table for one step. */
interface Batch {
  readonly rows: Matrix;
  /** The largest ‖row‖₂, where the table is a side of a pair by itself. */
  readonly length: number;
}

/** Feeds the program of `train-step.ts`; weights and moments stay in the worker, but for the temperature's. */
export class TfjsTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #device: Device;
  readonly #lifetime: Lifetime;
  readonly #state: State;
  /** The program that shares exponentials (true) and the one that need not; opened when a step first needs it. */
  readonly #programs = new Map<boolean, { readonly step: StepProgram; readonly program: OpenProgram }>();
  readonly #temperature: TrainedTemperature;
  #step: number;
  /** Steps and snapshots run one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: TrainerOptions, device: Device, lifetime: Lifetime, state: State) {
    this.#options = options;
    this.#device = device;
    this.#lifetime = lifetime;
    this.#state = state;
    this.#temperature = new TrainedTemperature(options);
    this.#step = options.state?.step ?? 0;
  }

  /** @throws what `checkTrainer` throws */
  static async open(options: TrainerOptions, device: Device, lifetime: Lifetime): Promise<TfjsTrainer> {
    checkTrainer(options);
    const initial = initialState(options);
    const tensors = stateTensors(options)
      .filter(({ name }) => !isOfTemperature(name))
      .map(({ name, shape }): [string, Packed] => [
        name,
        packArray(shape, (options.state?.tensors ?? initial)[name]?.data),
      ]);
    return new TfjsTrainer(options, device, lifetime, await device.keep(Object.fromEntries(tensors)));
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
      const temperature = this.#temperature.tensors();
      const copied = await this.#state.copy();
      const tensors = stateTensors(this.#options).map(({ name, shape }): [string, Tensor] => [
        name,
        temperature[name] ?? { shape, data: numbersOf(copied[name]) },
      ]);
      return { step: this.#step, tensors: Object.fromEntries(tensors) };
    });
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await Promise.all([this.#state.close(), ...[...this.#programs.values()].map(({ program }) => program.close())]);
  }

  async #update(input: StepInput, gathered: ReadonlyMap<string, Batch>): Promise<StepResult> {
    this.#lifetime.check();
    const temperature = this.#temperature.used;
    const rows = this.#options.mixup ? this.#options.batch / 2 : this.#options.batch;
    const { step, program } = await this.#open(this.#largestLogit(gathered, temperature) <= largestSharedLogit(rows));
    this.#lifetime.check();
    const { losses, along } = await program.run(this.#feed(step, gathered, input), this.#state);
    this.#step += 1;
    const share = 1 / (rows * this.#options.objective.pairs.length);
    this.#temperature.update((-share * sum(along)) / temperature ** 2, this.#step, input.learningRate);
    return { loss: 0.5 * share * sum(losses), temperature };
  }

  #feed(step: StepProgram, gathered: ReadonlyMap<string, Batch>, input: StepInput): Readonly<Record<string, Packed>> {
    const feeds: Record<string, Packed> = {};
    const numbers = adamNumbers(this.#options.optimizer, this.#step + 1, input.learningRate);
    for (const [name, x] of Object.entries(numbers)) feeds[`adam.${name}`] = packNumber(x);
    feeds['temperature'] = packNumber(this.#temperature.used);
    if (input.mix !== undefined) feeds['mix'] = packNumber(input.mix);
    for (const table of step.tables) {
      const batch = gathered.get(table)?.rows;
      if (batch !== undefined) feeds[tableInput(table)] = packRows(batch);
    }
    for (const dropout of step.dropouts) {
      const keys = dropoutKeys({ ...dropout, seed: input.seed ?? 0 });
      for (const name of ['rowA', 'rowB', 'colA', 'colB'] as const)
        feeds[dropoutInput(dropout, name)] = { shape: [keys[name].length], data: keys[name] };
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

  async #open(shared: boolean): Promise<{ readonly step: StepProgram; readonly program: OpenProgram }> {
    const known = this.#programs.get(shared);
    if (known !== undefined) return known;
    const step = trainStep(this.#options, shared);
    const opened = { step, program: await this.#device.open(step.compiled) };
    this.#programs.set(shared, opened);
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

/** Where training starts: the networks' weights, by their names in a `TrainerState`. */
function initialState({ networks }: TrainerOptions): Readonly<Record<string, Pick<Tensor, 'data'>>> {
  const weights = Object.entries(networks).flatMap(([network, { weights }]) =>
    Object.entries(weights).map(([name, tensor]): [string, Pick<Tensor, 'data'>] => [`${network}/${name}`, tensor]),
  );
  return Object.fromEntries(weights);
}

/** In float64. */
function sum(packed: Packed | undefined): number {
  return numbersOf(packed).reduce((total, x) => total + x, 0);
}
