import {
  checkStep,
  checkTrainer,
  dropoutKeys,
  longestRow,
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
import { BLOCK } from './blocks.ts';
import type { Device, OpenProgram, State } from './device.ts';
import { largestSharedLogit } from './info-nce.ts';
import type { Lifetime } from './lifetime.ts';
import { gatherOwn, numbersOf, packArray, packNumber } from './packing.ts';
import { isOfTemperature, TrainedTemperature } from './temperature.ts';
import { batchParts, dropoutInput, partInput, rowsOfLoss, type StepProgram, trainStep } from './train-step.ts';
import type { Packed } from './worker-protocol.ts';

/**
 * Feeds the program of `train-step.ts`; weights and moments stay in the worker, but for the temperature's. Rows go there part by
 * part, each gathered when the one before has arrived, so that a batch is in memory once.
 */
export class TfjsTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #device: Device;
  readonly #lifetime: Lifetime;
  readonly #state: State;
  /** The rows of the step that is under way. */
  readonly #batch: State;
  readonly #block: number;
  /** The program that shares exponentials (true) and the one that need not; opened when a step first needs it. */
  readonly #programs = new Map<boolean, Promise<Opened>>();
  readonly #temperature: TrainedTemperature;
  #step: number;
  /** Steps and snapshots run one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: TrainerOptions, device: Device, lifetime: Lifetime, states: States, block: number) {
    this.#options = options;
    this.#device = device;
    this.#lifetime = lifetime;
    this.#state = states.state;
    this.#batch = states.batch;
    this.#block = block;
    this.#temperature = new TrainedTemperature(options);
    this.#step = options.state?.step ?? 0;
  }

  /** `block`: rows that kernels see at a time, at most. @throws what `checkTrainer` throws */
  static async open(options: TrainerOptions, device: Device, lifetime: Lifetime, block = BLOCK): Promise<TfjsTrainer> {
    checkTrainer(options);
    const initial = initialState(options);
    const tensors = stateTensors(options)
      .filter(({ name }) => !isOfTemperature(name))
      .map(({ name, shape }): [string, Packed] => [
        name,
        packArray(shape, (options.state?.tensors ?? initial)[name]?.data),
      ]);
    const state = await device.keep(Object.fromEntries(tensors));
    return new TfjsTrainer(options, device, lifetime, { state, batch: await device.keep({}) }, block);
  }

  async step(input: StepInput): Promise<StepResult> {
    this.#lifetime.check();
    checkStep(this.#options, input);
    return this.#inTurn(() => this.#update(input));
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
    await Promise.all([
      this.#state.close(),
      this.#batch.close(),
      // One that is being opened is closed when it is; one that cannot be opened never was.
      ...[...this.#programs.values()].map((opening) =>
        opening.then(
          ({ program }) => program.close(),
          () => undefined,
        ),
      ),
    ]);
  }

  async #update(input: StepInput): Promise<StepResult> {
    const lengths = await this.#bring(input.rows);
    this.#lifetime.check();
    const temperature = this.#temperature.used;
    const rows = rowsOfLoss(this.#options);
    const { step, program } = await this.#open(this.#largestLogit(lengths, temperature) <= largestSharedLogit(rows));
    this.#lifetime.check();
    const { losses, along } = await program.runOn(this.#batch, this.#feed(step, input), this.#state);
    this.#step += 1;
    const share = 1 / (rows * this.#options.objective.pairs.length);
    this.#temperature.update(-sum(along) / temperature, this.#step, input.learningRate);
    return { loss: 0.5 * share * sum(losses), temperature };
  }

  #feed(step: StepProgram, input: StepInput): Readonly<Record<string, Packed>> {
    const feeds: Record<string, Packed> = {};
    const numbers = adamNumbers(this.#options.optimizer, this.#step + 1, input.learningRate);
    for (const [name, x] of Object.entries(numbers)) feeds[`adam.${name}`] = packNumber(x);
    feeds['temperature'] = packNumber(this.#temperature.used);
    if (input.mix !== undefined) feeds['mix'] = packNumber(input.mix);
    for (const dropout of step.dropouts) {
      const keys = dropoutKeys({ ...dropout, seed: input.seed ?? 0 });
      for (const name of ['rowA', 'rowB', 'colA', 'colB'] as const)
        feeds[dropoutInput(dropout, name)] = { shape: [keys[name].length], data: keys[name] };
    }
    return feeds;
  }

  /** Brings the batch's rows into the worker. Gives the largest ‖row‖₂ of each table that is a side of a pair by itself. */
  async #bring(rows: Int32Array): Promise<ReadonlyMap<string, number>> {
    const sides = this.#options.objective.pairs.flatMap(({ left, right }) => [left, right]);
    const frozen = new Set(sides.filter(({ network }) => network === undefined).map(({ table }) => table));
    const lengths = new Map<string, number>();
    let spare: Float32Array | undefined;
    for (const part of batchParts(this.#options, this.#block)) {
      const table = this.#options.tables[part.table];
      if (table === undefined) continue;
      const own = await gatherOwn(table, rows.subarray(part.start, part.end), spare);
      if (frozen.has(part.table)) lengths.set(part.table, Math.max(lengths.get(part.table) ?? 0, longestRow(own)));
      this.#lifetime.check();
      spare = await this.#batch.put(partInput(part), { shape: [own.rows, own.cols], data: own.data });
    }
    return lengths;
  }

  /** A bound on |x · y| / τ in every pair: rows of tables may be of any length, and so may those of open networks. */
  #largestLogit(lengths: ReadonlyMap<string, number>, temperature: number): number {
    const { pairs } = this.#options.objective;
    const lengthOf = ({ table, network }: Side): number => {
      if (network === undefined) return lengths.get(table) ?? Infinity;
      return this.#options.networks[network]?.layers.at(-1)?.kind === 'normalise' ? 1 : Infinity;
    };
    return Math.max(...pairs.map(({ left, right }) => (lengthOf(left) * lengthOf(right)) / temperature));
  }

  #open(shared: boolean): Promise<Opened> {
    const known = this.#programs.get(shared);
    if (known !== undefined) return known;
    const step = trainStep(this.#options, shared, this.#block);
    const opening = this.#device.open(step.compiled).then((program) => ({ step, program }));
    this.#programs.set(shared, opening);
    // The next step tries again.
    opening.catch(() => this.#programs.delete(shared));
    return opening;
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

interface Opened {
  readonly step: StepProgram;
  readonly program: OpenProgram;
}

interface States {
  readonly state: State;
  readonly batch: State;
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
