import { dropoutKeys, type Optimizer, type StepInput } from '@freebind/core';
import type { Device } from './device.ts';
import type { Memory } from './memory.ts';
import { alignedBytes, NUMBER, type Rows } from './rows.ts';

/** What a dropout layer's keys are made from, apart from the step's seed. */
export interface DropoutLayer {
  readonly run: number;
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  readonly rate: number;
}

/** What changes from step to step, in one buffer that is written once a step. */
export interface StepInputs {
  /** Adam's numbers for arrays that decay and for those that do not, [9] each. */
  readonly decaying: Rows;
  readonly steady: Rows;
  /** [λ, 1 − λ]. */
  readonly mix: Rows;
  /** Numbers of the batch's rows, [batch]. */
  readonly numbers: Rows;
  /** Keys of the dropout layers, in the order of `dropouts`: rowA, rowB, colA, colB. */
  readonly keys: readonly Rows[];
  write(device: Device, input: StepInput, step: number, optimizer: Optimizer): void;
}

/** Lays the inputs out. Call it within `Device.guard`. */
export function stepInputs(memory: Memory, batch: number, dropouts: readonly DropoutLayer[]): StepInputs {
  const lengths = [9, 9, 2, batch, ...dropouts.map(({ rows, cols }) => 2 * (rows + cols))];
  const total = lengths.reduce((sum, length) => sum + alignedBytes(length), 0);
  const whole = memory.take('step input', 1, total / NUMBER);
  let offset = 0;
  const [decaying = whole, steady = whole, mix = whole, numbers = whole, ...keys] = lengths.map((cols): Rows => {
    const piece = { ...whole, offset, cols };
    offset += alignedBytes(cols);
    return piece;
  });
  // Written over every step; `writeBuffer` copies it before it returns.
  const bytes = new ArrayBuffer(total);
  const realsOf = (rows: Rows): Float32Array => new Float32Array(bytes, rows.offset, rows.cols);
  const integersOf = (rows: Rows): Int32Array => new Int32Array(bytes, rows.offset, rows.cols);
  return {
    decaying,
    steady,
    mix,
    numbers,
    keys,
    write: (device, input, step, optimizer) => {
      realsOf(decaying).set(adamNumbers(optimizer, step, input.learningRate, optimizer.weightDecay));
      realsOf(steady).set(adamNumbers(optimizer, step, input.learningRate, 0));
      realsOf(mix).set([input.mix ?? 1, 1 - (input.mix ?? 1)]);
      integersOf(numbers).set(input.rows);
      dropouts.forEach((dropout, i) => {
        const { rowA, rowB, colA, colB } = dropoutKeys({ seed: input.seed ?? 0, ...dropout });
        const into = integersOf(keys[i] ?? whole);
        let at = 0;
        for (const stream of [rowA, rowB, colA, colB]) {
          into.set(stream, at);
          at += stream.length;
        }
      });
      device.queue.writeBuffer(whole.buffer, 0, bytes);
    },
  };
}

/** The numbers of `kernels/adam.ts`, in float64 before they are rounded; `step` is 1 for the first. */
function adamNumbers(
  { beta1, beta2, epsilon }: Optimizer,
  step: number,
  learningRate: number,
  weightDecay: number,
): readonly number[] {
  return [
    learningRate,
    1 - learningRate * weightDecay,
    beta1,
    1 - beta1,
    beta2,
    1 - beta2,
    1 / (1 - beta1 ** step),
    1 / (1 - beta2 ** step),
    epsilon,
  ];
}
