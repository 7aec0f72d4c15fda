import { type Objective, type Optimizer, type Tensor, type TrainerOptions } from '@freebind/core';
import { adamNumbers } from './adam.ts';

/** Whether an array of a `TrainerState` is the learned temperature or one of its moments. */
export function isOfTemperature(name: string): boolean {
  return ['temperature', 'adam.m/temperature', 'adam.v/temperature'].includes(name);
}

/**
 * The temperature of a training, fixed or learned. It is one number, whose gradient is a sum over the whole batch, so it is
 * summed and updated here, in float64; what is kept is float32, as all of the state.
 */
export class TrainedTemperature {
  readonly #learned: Objective['temperature']['learned'];
  readonly #optimizer: Optimizer;
  #value: number;
  #m: number;
  #v: number;

  constructor({ objective, optimizer, state }: TrainerOptions) {
    this.#learned = objective.temperature.learned;
    this.#optimizer = optimizer;
    const read = (name: string): number | undefined => state?.tensors[name]?.data[0];
    this.#value = Math.fround(read('temperature') ?? objective.temperature.initial);
    this.#m = Math.fround(read('adam.m/temperature') ?? 0);
    this.#v = Math.fround(read('adam.v/temperature') ?? 0);
  }

  /** What the next step uses. In place, as FuseMix: Adam goes on from there, so one beyond a bound can come back. */
  get used(): number {
    if (this.#learned === undefined) return this.#value;
    return Math.min(Math.max(this.#value, Math.fround(this.#learned.min)), Math.fround(this.#learned.max));
  }

  /** Update number `step`, the first being 1, as `adam.ts` does it for arrays; nothing where the temperature is fixed. */
  update(gradient: number, step: number, learningRate: number): void {
    if (this.#learned === undefined) return;
    const { beta1, beta2 } = this.#optimizer;
    const { rate, floor } = adamNumbers(this.#optimizer, step, learningRate);
    const value = this.used;
    this.#m = Math.fround(beta1 * this.#m + (1 - beta1) * gradient);
    this.#v = Math.fround(beta2 * this.#v + (1 - beta2) * gradient * gradient);
    this.#value = Math.fround(value - (rate * this.#m) / (Math.sqrt(this.#v) + floor));
  }

  /** As a `TrainerState` names them; nothing where the temperature is fixed. */
  tensors(): Readonly<Record<string, Tensor>> {
    if (this.#learned === undefined) return {};
    return {
      temperature: asTensor(this.#value),
      'adam.m/temperature': asTensor(this.#m),
      'adam.v/temperature': asTensor(this.#v),
    };
  }
}

const asTensor = (x: number): Tensor => ({ shape: [], data: Float32Array.of(x) });
