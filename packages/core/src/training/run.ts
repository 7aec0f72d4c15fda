import { setImmediate as turn } from 'node:timers/promises';
import type { Backend, Objective, Optimizer, StepResult, Trainer, TrainerState } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { type Network, parametersOf, type Weights } from '../network.ts';
import { hash32, random } from '../random.ts';
import type { Table } from '../table.ts';
import { batchOrder, stepsPerEpoch } from './batch-order.ts';
import { type CheckpointFolder, openCheckpoints } from './checkpoint.ts';
import { digestWeights } from '../files/digest.ts';
import { blameLoss, checkState } from './divergence.ts';
import { paceMeter, type TrainingEvent } from './events.ts';
import { planReadAhead, readAhead } from './read-ahead.ts';
import { alphaAt, type MixSchedule, rateAt, type RateSchedule } from './schedule.ts';
import type { BlockShuffle } from './shuffle.ts';
import { describeTrainedOn, goOnWith, type TrainedOn } from './trained-on.ts';

/** One training run: everything but the arithmetic. All of it is plain data but for the backend, the tables and the signal. */
export interface RunOptions {
  /** Names the run in events and seeds; one seed gives different numbers to different stages. */
  readonly stage: string;
  readonly backend: Backend;
  readonly networks: Readonly<Record<string, Network>>;
  /** Row-aligned; with `views`, row `view · items + item`. */
  readonly tables: Readonly<Record<string, Table>>;
  /**
   * The tables are larger than memory and read from files: items are shuffled by blocks (`shuffledItems` says how well), and
   * the next rows are read while a step is computed. Default false: every order is equally likely.
   */
  readonly fromFiles?: boolean;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly rate: RateSchedule;
  readonly epochs: number;
  /** Lowered to the number of items, with a warning event, where there are fewer. */
  readonly batch: number;
  readonly seed: number;
  readonly mixup?: MixSchedule;
  /** See `BatchOrder`. */
  readonly views?: number;
  readonly shortBatch?: 'drop' | 'fill';
  /** Where checkpoints are kept; without it the run is not resumable. An unfinished run that is found there is continued. */
  readonly checkpoints?: CheckpointOptions;
  /** What the tables hold, for the refusal of another run's checkpoints: fingerprints, as plain data. */
  readonly data?: unknown;
  /** Ends the run after the step that is under way, with a checkpoint and FREEBIND_ABORTED. */
  readonly signal?: AbortSignal;
}

/** How often a run saves its state; the end of a run and an abort always do. */
export interface CheckpointOptions {
  readonly folder: string;
  readonly everySteps?: number;
  /** Default 60. */
  readonly everySeconds?: number;
}

/** What a run gives. */
export interface Trained {
  readonly networks: Readonly<Record<string, Network>>;
  /** As used in the last step. */
  readonly temperature: number;
  /** Of every step from the first, in nats. */
  readonly losses: Float64Array;
  /** What took the steps; one entry, unless checkpoints of another backend were continued. */
  readonly trainedOn: readonly TrainedOn[];
}

/** Default seconds between checkpoints: a kill costs at most a minute. */
export const CHECKPOINT_SECONDS = 60;

/**
 * Trains networks: batches, schedules, mixup and dropout seeds all follow from `seed`, `stage` and the step's number, so
 * that a run that was killed at any moment continues from its checkpoint bit for bit on the same backend and device. On
 * another one it continues as well, with a warning event: within the backends' tolerances, not bit for bit.
 *
 * @throws FREEBIND_TRAINING_DIVERGED at a loss or weight that is not finite, naming the table and row if one is to blame
 * @throws FREEBIND_CHECKPOINT_INVALID when the checkpoints are another run's, saying what differs, or all are damaged
 * @throws FREEBIND_ABORTED FREEBIND_ARGUMENT_INVALID FREEBIND_WRITE_FAILED, and what the backend refuses
 */
export async function* train(options: RunOptions): AsyncGenerator<TrainingEvent, Trained, undefined> {
  const { stage, backend, epochs, signal } = options;
  const { batch, warning } = fitBatch(options);
  const ahead = options.fromFiles === true ? await planReadAhead(Object.values(options.tables), batch) : undefined;
  const order = { ...options, items: itemsOf(options), batch, blocks: ahead?.blocks };
  const perEpoch = stepsPerEpoch(order);
  const steps = perEpoch * wholeEpochs(epochs);
  const rowsOf = batchOrder(order);
  const losses = new Float64Array(steps);

  const folder = await openFolder(options, { batch, blocks: ahead?.blocks });
  const found = await folder?.latest();
  losses.set(found?.losses ?? []);
  let step = found?.state.step ?? 0;
  let temperature = found?.temperature ?? options.objective.temperature.initial;
  yield { type: 'stage', stage, done: step, total: steps };
  for (const message of [...(warning ?? []), ...(found?.damaged ?? [])]) yield { type: 'warning', stage, message };
  if (found !== undefined && step === steps) {
    const { trainedOn } = found;
    return { networks: networksOf(options.networks, found.state), temperature, losses, trainedOn };
  }
  const trainedOn = goOnWith(found?.trainedOn ?? [], backend.manifest, step);
  if (found !== undefined && trainedOn !== found.trainedOn) {
    const message = `The checkpoint is another backend's, so the result is not bit for bit that of one backend: ${describeTrainedOn(trainedOn)}.`;
    yield { type: 'warning', stage, message };
  }

  const reader = ahead && readAhead(options.tables, { rowsOf, steps, batches: ahead.batches });
  const trainer = await backend.openTrainer({
    networks: options.networks,
    tables: reader?.tables ?? options.tables,
    objective: options.objective,
    optimizer: options.optimizer,
    batch,
    mixup: options.mixup !== undefined,
    ...(found !== undefined && { state: found.state }),
  });
  try {
    const isDue = dueAfter(options.checkpoints);
    const pace = paceMeter();
    let state = found?.state;
    if (signal?.aborted && step < steps) throw aborted(stage, step, steps, folder !== undefined);
    while (step < steps) {
      const epoch = Math.floor(step / perEpoch);
      const rows = rowsOf(step);
      await reader?.advance(step);
      const { loss, ...used } = await takeStep(trainer, options, { rows, step, epoch });
      if (!Number.isFinite(loss)) throw await blameLoss(options, { loss, rows, step });
      losses[step++] = loss;
      ({ temperature } = used);
      yield { type: 'step', stage, step, steps, epoch, loss, temperature, ...pace(batch, (steps - step) * batch) };

      // A backend may never leave the thread; timers and signals (Ctrl-C) get their turn here.
      await turn();
      const stop = step < steps && signal?.aborted === true;
      if (step === steps || (folder !== undefined && (isDue(step) || stop))) {
        state = await trainer.snapshot();
        checkState(state, stage);
        const path = await folder?.save({ state, losses: losses.subarray(0, step), temperature, trainedOn });
        if (path !== undefined) yield { type: 'checkpoint', stage, step, path };
      }
      if (stop) throw aborted(stage, step, steps, folder !== undefined);
    }
    // A run of no steps still has its networks.
    state ??= await trainer.snapshot();
    return { networks: networksOf(options.networks, state), temperature, losses, trainedOn };
  } finally {
    await trainer.close();
    await reader?.close();
  }
}

function takeStep(
  trainer: Trainer,
  { stage, seed, rate, mixup, epochs }: RunOptions,
  { rows, step, epoch }: { readonly rows: Int32Array; readonly step: number; readonly epoch: number },
): Promise<StepResult> {
  return trainer.step({
    rows,
    learningRate: rateAt(rate, { step, epoch, epochs }),
    seed: hash32(seed, 'dropout', stage, step),
    ...(mixup !== undefined && { mix: random(seed, 'mix', stage, step).beta(alphaAt(mixup, { epoch, epochs })) }),
  });
}

/** Rows of the tables over views; the tables are aligned, which `openTrainer` checks. */
function itemsOf({ tables, views = 1 }: RunOptions): number {
  return Math.floor((Object.values(tables)[0]?.rows ?? 0) / views);
}

function wholeEpochs(epochs: number): number {
  if (Number.isSafeInteger(epochs) && epochs >= 0) return epochs;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `A run of ${epochs} epochs was asked for; epochs must be a whole number of at least 0.`,
  );
}

function fitBatch(options: RunOptions): { readonly batch: number; readonly warning?: readonly string[] } {
  const items = itemsOf(options);
  // Mixup mixes one half with the other.
  const most = options.mixup === undefined ? items : items - (items % 2);
  if (options.batch <= most) return { batch: options.batch };
  return {
    batch: most,
    warning: [
      `There are ${items} items for a batch of ${options.batch}; the run takes batches of ${most}. InfoNCE sees fewer negatives than was asked for.`,
    ],
  };
}

async function openFolder(
  options: RunOptions,
  drawn: { readonly batch: number; readonly blocks: BlockShuffle | undefined },
): Promise<CheckpointFolder | undefined> {
  if (options.checkpoints === undefined) return undefined;
  const { stage, objective, optimizer, rate, epochs, seed, mixup, views, shortBatch, data } = options;
  const networks = Object.entries(options.networks).map(([name, network]) => [
    name,
    { layers: network.layers, weights: digestWeights(network.weights) },
  ]);
  const tables = Object.entries(options.tables).map(([name, { rows, cols }]) => [name, { rows, cols }]);
  return openCheckpoints(options.checkpoints.folder, {
    stage,
    ...drawn,
    epochs,
    seed,
    rate,
    mixup,
    views,
    shortBatch,
    optimizer,
    objective,
    networks: Object.fromEntries(networks),
    tables: Object.fromEntries(tables),
    data,
  });
}

function dueAfter({ everySteps = Infinity, everySeconds = CHECKPOINT_SECONDS }: Partial<CheckpointOptions> = {}): (
  step: number,
) => boolean {
  let last = performance.now();
  return (step) => {
    const due = step % everySteps === 0 || performance.now() - last >= everySeconds * 1000;
    if (due) last = performance.now();
    return due;
  };
}

function aborted(stage: string, step: number, steps: number, kept: boolean): FreebindError {
  return new FreebindError(
    'FREEBIND_ABORTED',
    `${stage} was stopped after step ${step} of ${steps}. ${kept ? 'A checkpoint has it; resume to go on from there.' : 'Nothing was saved; give a checkpoint folder to be able to go on.'}`,
  );
}

function networksOf(
  networks: Readonly<Record<string, Network>>,
  { tensors }: TrainerState,
): Readonly<Record<string, Network>> {
  const trained = Object.entries(networks).map(([name, { layers }]): [string, Network] => {
    const weights = parametersOf(layers).map((p): [string, Weights[string]] => {
      const tensor = tensors[`${name}/${p.name}`];
      if (tensor !== undefined) return [p.name, tensor];
      throw new FreebindError(
        'FREEBIND_BACKEND_FAILED',
        `The backend's snapshot has no "${name}/${p.name}"; it does not keep the contract of Trainer.snapshot. Run \`freebind conform\` on it.`,
      );
    });
    return [name, { layers, weights: Object.fromEntries(weights) }];
  });
  return Object.fromEntries(trained);
}
