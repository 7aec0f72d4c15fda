import {
  checkStep,
  checkTrainer,
  type Matrix,
  networkRuns,
  type Side,
  stateTensors,
  type StepInput,
  type StepResult,
  type Tensor,
  type Trainer,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import { adam } from './adam.ts';
import { infoNce } from './info-nce.ts';
import { forward } from './layers.ts';
import type { Lifetime } from './lifetime.ts';
import { addTo, copyRows, type Rows, type Store, zeros } from './rows.ts';
import type { Pass } from './run.ts';

/** The whole step in the order of the formulas: gather, mix, forward, loss, backward, Adam. */
export class ReferenceTrainer implements Trainer {
  readonly #options: TrainerOptions;
  readonly #precision: 'float32' | 'float64';
  readonly #store: Store;
  readonly #lifetime: Lifetime;
  /** Everything a `TrainerState` holds, by its names; moved in place. */
  readonly #state: ReadonlyMap<string, Float64Array>;
  #step: number;
  /** Steps and snapshots run one after another, however they are called. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TrainerOptions, precision: 'float32' | 'float64', lifetime: Lifetime) {
    checkTrainer(options);
    this.#options = options;
    this.#precision = precision;
    this.#store = precision === 'float64' ? (x) => x : Math.fround;
    this.#lifetime = lifetime;
    this.#step = options.state?.step ?? 0;
    const initial = initialState(options);
    this.#state = new Map(
      stateTensors(options).map(({ name, shape }) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const from = options.state?.tensors[name]?.data ?? initial.get(name);
        return [name, from === undefined ? new Float64Array(size) : Float64Array.from(from, this.#store)];
      }),
    );
  }

  step(input: StepInput): Promise<StepResult> {
    return this.#inTurn(() => this.#update(input));
  }

  snapshot(): Promise<TrainerState> {
    return this.#inTurn(async () => {
      const tensors: Record<string, Tensor> = {};
      for (const { name, shape } of stateTensors(this.#options)) {
        const data = this.#array(name);
        tensors[name] = { shape, data: this.#precision === 'float64' ? data.slice() : Float32Array.from(data) };
      }
      return { step: this.#step, tensors };
    });
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }

  async #update(input: StepInput): Promise<StepResult> {
    checkStep(this.#options, input);
    const { objective, optimizer } = this.#options;
    const tables = await this.#gather(input);
    this.#lifetime.check();

    const { initial, learned } = objective.temperature;
    const parameter = this.#array('temperature');
    // In place, as FuseMix: a clamp of the used value alone would leave a parameter beyond a bound without gradient for ever.
    if (learned) parameter[0] = Math.min(Math.max(parameter[0] ?? 0, learned.min), learned.max);
    const temperature = learned ? (parameter[0] ?? 0) : initial;

    const trained = stateTensors(this.#options).filter((tensor) => tensor.trained);
    const gradients = new Map(trained.map(({ name }) => [name, new Float64Array(this.#array(name).length)]));
    const passes = this.#forward(tables, input.seed ?? 0, gradients);
    const rowsOf = (side: Side): Rows => passes.get(key(side))?.output ?? tables.get(side.table) ?? zeros(0, 0);

    let loss = 0;
    const back = new Map([...passes].map(([run, { output }]) => [run, zeros(output.rows, output.cols)]));
    for (const { left, right } of objective.pairs) {
      const share = 1 / objective.pairs.length;
      const pair = infoNce(rowsOf(left), rowsOf(right), temperature);
      loss += share * pair.loss;
      addTo(back.get(key(left))?.data ?? new Float64Array(0), pair.gradients.x.data, share);
      addTo(back.get(key(right))?.data ?? new Float64Array(0), pair.gradients.y.data, share);
      if (learned)
        addTo(gradients.get('temperature') ?? new Float64Array(0), Float64Array.of(pair.temperatureGradient), share);
    }
    for (const [run, pass] of passes) pass.backward(back.get(run) ?? zeros(0, 0));

    this.#step += 1;
    for (const { name, shape } of trained) {
      const [value, m, v] = [this.#array(name), this.#array(`adam.m/${name}`), this.#array(`adam.v/${name}`)];
      const gradient = gradients.get(name) ?? new Float64Array(0);
      const decays = shape.length >= 2;
      adam({ value, m, v, gradient, decays }, optimizer, this.#step, input.learningRate, this.#store);
    }
    return { loss, temperature };
  }

  /** The batch's rows of every table that a pair names, mixed. */
  async #gather({ rows, mix }: StepInput): Promise<ReadonlyMap<string, Rows>> {
    const sides = this.#options.objective.pairs.flatMap(({ left, right }) => [left.table, right.table]);
    const gathered = new Map<string, Rows>();
    for (const name of new Set(sides)) {
      const batch = await this.#options.tables[name]?.gather(rows);
      if (batch !== undefined) gathered.set(name, mix === undefined ? copyRows(batch) : mixHalves(batch, mix));
    }
    return gathered;
  }

  #forward(
    tables: ReadonlyMap<string, Rows>,
    seed: number,
    gradients: ReadonlyMap<string, Float64Array>,
  ): ReadonlyMap<string, Pass> {
    const passes = new Map<string, Pass>();
    networkRuns(this.#options.objective).forEach(({ network, table }, run) => {
      const training = { gradients, seed, run, dropoutLayers: { count: 0 }, store: this.#store };
      const layers = this.#options.networks[network]?.layers ?? [];
      const pass = forward(layers, tables.get(table) ?? zeros(0, 0), { weights: this.#state, training }, `${network}/`);
      passes.set(key({ network, table }), pass);
    });
    return passes;
  }

  #array(name: string): Float64Array {
    return this.#state.get(name) ?? new Float64Array(0);
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

/** λ · first half + (1 − λ) · second half: [2n, d] → [n, d]. FuseMix, equation 3. */
function mixHalves(batch: Matrix, mix: number): Rows {
  const half = batch.data.length / 2;
  const mixed = zeros(batch.rows / 2, batch.cols);
  for (let i = 0; i < half; i++) mixed.data[i] = mix * (batch.data[i] ?? 0) + (1 - mix) * (batch.data[half + i] ?? 0);
  return mixed;
}

/** Where training starts: the networks' weights and the initial temperature, by their names in a `TrainerState`. */
function initialState({ networks, objective }: TrainerOptions): ReadonlyMap<string, ArrayLike<number>> {
  const weights = Object.entries(networks).flatMap(([network, { weights }]) =>
    Object.entries(weights).map(([name, { data }]): [string, ArrayLike<number>] => [`${network}/${name}`, data]),
  );
  return new Map([...weights, ['temperature', [objective.temperature.initial]]]);
}

function key({ table, network }: Side): string {
  return JSON.stringify([network, table]);
}
