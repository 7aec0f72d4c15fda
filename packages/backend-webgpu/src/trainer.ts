import {
  checkStep,
  checkTrainer,
  FreebindError,
  type StepInput,
  type StepResult,
  type Trainer,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import type { Engine } from './engine.ts';
import type { Lifetime } from './lifetime.ts';
import { Memory, write } from './memory.ts';
import { Plan, submitAndRead } from './plan.ts';
import { NUMBER } from './rows.ts';
import { unpackState } from './shelves.ts';
import { recordStep, type TrainStep } from './train-step.ts';
import { type BatchSource, batchSources, fill, gatherOnHost } from './trainer-tables.ts';
import { COPY_TARGET, MAP_READ } from './usage.ts';

/** Steps that may be submitted and not yet read: enough to keep the device busy, few enough to bound what waits for it. */
const IN_FLIGHT = 3;

/**
 * Runs the plan of `train-step.ts`. State and tables stay on the device; a step uploads its row numbers, Adam's numbers and dropout
 * keys and is one submission. Steps take turns only until they are submitted: a caller that asks for the next one before the loss
 * of the last has arrived keeps the device busy without a gap, and one that waits for each loss waits for nothing else. Of a step
 * that the device refuses nobody knows what was done, so that there is no going on after it but from a snapshot.
 */
export class WebgpuTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #engine: Engine;
  readonly #lifetime: Lifetime;
  readonly #memory: Memory;
  readonly #plan: Plan;
  readonly #sources: ReadonlyMap<string, BatchSource>;
  readonly #recorded: TrainStep;
  /** Buffers that results are read through, and those of them that no step uses. */
  readonly #staging: readonly GPUBuffer[];
  readonly #idle: GPUBuffer[];
  #step: number;
  /** What the first step that failed failed with. */
  #fault: unknown;
  /** Steps and snapshots are submitted one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #reading: Promise<unknown>[] = [];

  private constructor(
    options: TrainerOptions,
    { engine, lifetime, memory, plan }: { engine: Engine; lifetime: Lifetime; memory: Memory; plan: Plan },
    {
      sources,
      recorded,
      staging,
    }: { sources: ReadonlyMap<string, BatchSource>; recorded: TrainStep; staging: GPUBuffer[] },
  ) {
    this.#options = options;
    this.#engine = engine;
    this.#lifetime = lifetime;
    this.#memory = memory;
    this.#plan = plan;
    this.#sources = sources;
    this.#recorded = recorded;
    this.#staging = staging;
    this.#idle = [...staging];
    this.#step = options.state?.step ?? 0;
  }

  /** @throws what `checkTrainer` throws, and FREEBIND_BACKEND_FAILED when the device has too little memory */
  static async open(options: TrainerOptions, engine: Engine, lifetime: Lifetime): Promise<WebgpuTrainer> {
    checkTrainer(options);
    const { device, networkTiles, residentBytes, mixed } = engine;
    const memory = new Memory(device);
    const plan = new Plan(device, networkTiles);
    let staging: GPUBuffer[] = [];
    try {
      const opened = await device.guard('Opening a trainer', () => {
        staging = Array.from({ length: IN_FLIGHT }, () =>
          device.createBuffer('step results', 2 * NUMBER, MAP_READ | COPY_TARGET),
        );
        const sources = batchSources(device, memory, options, residentBytes);
        return { sources, recorded: recordStep(device, memory, plan, { ...options, mixed }, sources), staging };
      });
      await fill(device, options, opened.sources, () => lifetime.check());
      await plan.prepare();
      return new WebgpuTrainer(options, { engine, lifetime, memory, plan }, opened);
    } catch (error) {
      plan.close();
      memory.close();
      for (const buffer of staging) device.destroyBuffer(buffer);
      throw error;
    }
  }

  async step(input: StepInput): Promise<StepResult> {
    return this.#lifetime.run(async () => {
      checkStep(this.#options, input);
      // Before its turn: a caller that asks early has its rows gathered while the device works.
      const gathering = gatherOnHost(this.#sources, input.rows);
      gathering.catch(() => undefined); // it is awaited below, in its turn
      const { reading } = await this.#inTurn(async () => this.#submit(input, await gathering));
      return reading;
    });
  }

  snapshot(): Promise<TrainerState> {
    return this.#lifetime.run(() =>
      this.#inTurn(async () => {
        const step = this.#step;
        const { state } = this.#recorded;
        const bytes = await submitAndRead(this.#engine.device, undefined, state.buffers);
        return { step, tensors: unpackState(state, bytes, this.#options) };
      }),
    );
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    this.#plan.close();
    this.#memory.close();
    for (const buffer of this.#staging) this.#engine.device.destroyBuffer(buffer);
  }

  /** Submits a step; the promise within is of its result, so that the next one need not wait for it. */
  async #submit(
    input: StepInput,
    batches: Awaited<ReturnType<typeof gatherOnHost>>,
  ): Promise<{ readonly reading: Promise<StepResult> }> {
    if (this.#reading.length >= IN_FLIGHT) await Promise.allSettled([this.#reading[0]]);
    this.#check();
    const { device } = this.#engine;
    const { inputs, results } = this.#recorded;
    const staging = this.#idle.shift();
    if (staging === undefined) throw new RangeError('more steps in flight than there are buffers for');
    this.#step += 1;
    const guarded = device.guard('A training step', () => {
      for (const { into, batch } of batches) write(device, into, batch.data);
      inputs.write(device, input, this.#step, this.#options.optimizer);
      const encoder = device.createEncoder();
      this.#plan.encode(encoder);
      encoder.copyBufferToBuffer(results.buffer, results.offset, staging, 0, 2 * NUMBER);
      device.queue.submit([encoder.finish()]);
    });
    const reading = this.#read(guarded, staging);
    this.#reading.push(reading);
    const forget = (): void => void this.#reading.splice(this.#reading.indexOf(reading), 1);
    reading.then(forget, forget);
    return { reading };
  }

  async #read(submitted: Promise<void>, staging: GPUBuffer): Promise<StepResult> {
    const mapped = this.#engine.device.readMapped(staging);
    mapped.catch(() => undefined); // what the submission says explains more
    try {
      await submitted;
      await mapped;
    } catch (error) {
      this.#fault ??= error;
      throw error;
    }
    this.#check();
    this.#idle.push(staging);
    const [loss = Number.NaN, used = Number.NaN] = new Float32Array(await mapped);
    const { initial, learned } = this.#options.objective.temperature;
    return { loss, temperature: learned ? used : initial };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      this.#check();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #check(): void {
    this.#lifetime.check();
    this.#engine.device.check();
    if (this.#fault === undefined) return;
    throw new FreebindError(
      'FREEBIND_BACKEND_FAILED',
      'A training step failed, and how much of it was done is not known. Open another trainer from the last snapshot.',
      { cause: this.#fault },
    );
  }
}
