import { ReferenceBackend } from '@freebind/backend-reference';
import {
  type Backend,
  type Optimizer,
  type Reals,
  stateTensors,
  type StepInput,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import { check, checkClose, checkSame } from '../check.ts';
import { centralDifferences, naiveLoss, rowsIn } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';

/** PyTorch's Adam. */
export const ADAM: Optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** The numbers of one array of a state; an error when it is not there. */
export function arrayOf(state: TrainerState, name: string): Reals {
  const tensor = state.tensors[name];
  check(tensor !== undefined, `The state has no "${name}", only ${Object.keys(state.tensors).join(', ')}.`);
  return tensor.data;
}

/**
 * Takes the steps one by one and holds each to the float64 oracle, which starts every step from the subject's own state:
 * so errors never accumulate, and what is compared is one step's loss, gradients, moments and statistics.
 */
export async function checkSteps(
  backend: Backend,
  options: TrainerOptions,
  inputs: readonly StepInput[],
): Promise<void> {
  const oracle = new ReferenceBackend({ precision: 'float64' });
  const trainer = await backend.openTrainer(options);
  for (const input of inputs) {
    const before = await trainer.snapshot();
    const found = await trainer.step(input);
    const after = await trainer.snapshot();
    const reference = await oracle.openTrainer({ ...options, state: before });
    const expected = await reference.step(input);
    const wanted = await reference.snapshot();
    const { loss, unit } = tolerancesOf(backend.manifest);
    checkClose([found.loss], [expected.loss], loss(expected.temperature), `the loss of step ${after.step}`);
    checkClose([found.temperature], [expected.temperature], unit, `the temperature of step ${after.step}`);
    checkSame(after.step, before.step + 1, 'steps taken');
    checkMoved(backend, options, { before, after, wanted, temperature: expected.temperature });
    checkUpdate(backend, options, { before, after, learningRate: input.learningRate });
  }
  await trainer.close();
  await oracle.close();
}

/** Moments and running statistics after one step against the oracle's. */
function checkMoved(
  backend: Backend,
  options: TrainerOptions,
  states: {
    readonly before: TrainerState;
    readonly after: TrainerState;
    readonly wanted: TrainerState;
    readonly temperature: number;
  },
): void {
  const { before, after, wanted, temperature } = states;
  const { beta1, beta2 } = options.optimizer;
  const { unit, rounding, gradient } = tolerancesOf(backend.manifest);
  const tensors = stateTensors(options);
  const firstMoments = tensors.filter(({ name }) => name.startsWith('adam.m/'));
  const largest = Math.max(
    ...firstMoments.map(({ name }) => {
      const m = arrayOf(before, name);
      const gradients = Array.from(arrayOf(wanted, name), (x, i) => (x - beta1 * (m[i] ?? 0)) / (1 - beta1));
      return Math.max(...gradients.map(Math.abs));
    }),
  );
  const allowed = gradient(temperature, largest);
  for (const { name, trained } of tensors) {
    const expected = arrayOf(wanted, name);
    const stored = (i: number): number => 2 * rounding * Math.abs(expected[i] ?? 0);
    if (name.startsWith('adam.m/'))
      checkClose(arrayOf(after, name), expected, (i) => (1 - beta1) * allowed + stored(i), name);
    else if (name.startsWith('adam.v/')) {
      // v moves by (1 − β₂) g², whose error is 2g times that of g.
      checkClose(arrayOf(after, name), expected, (i) => (1 - beta2) * 2 * largest * allowed + stored(i), name);
    } else if (!trained) {
      const scale = Math.max(1, ...expected.map(Math.abs));
      checkClose(arrayOf(after, name), expected, (i) => unit * scale + stored(i), name);
    }
  }
}

/** Trained arrays after one step against Adam's formula, by hand, from the subject's own moments: a few roundings apart. */
function checkUpdate(
  backend: Backend,
  options: TrainerOptions,
  step: { readonly before: TrainerState; readonly after: TrainerState; readonly learningRate: number },
): void {
  const { before, after, learningRate } = step;
  const { beta1, beta2, epsilon, weightDecay } = options.optimizer;
  const { unit, rounding } = tolerancesOf(backend.manifest);
  for (const { name, shape } of stateTensors(options).filter(({ trained }) => trained)) {
    const [m, v] = [arrayOf(after, `adam.m/${name}`), arrayOf(after, `adam.v/${name}`)];
    const decay = shape.length >= 2 ? learningRate * weightDecay : 0;
    const old = arrayOf(before, name);
    const moves = Float64Array.from(m, (first, i) => {
      const corrected = Math.sqrt((v[i] ?? 0) / (1 - beta2 ** after.step));
      return (learningRate * first) / (1 - beta1 ** after.step) / (corrected + epsilon);
    });
    checkClose(
      arrayOf(after, name),
      moves.map((move, i) => (old[i] ?? 0) * (1 - decay) - move),
      (i) => 4 * rounding * Math.abs(old[i] ?? 0) + Math.max(unit, 8 * rounding) * Math.abs(moves[i] ?? 0),
      `${name} after step ${after.step}`,
    );
  }
}

/**
 * The first step's loss and gradients against the naive formulas and their central differences, so that the oracle is held
 * to something that is not itself. `h` is the differences' step; they err by about h² and by 2⁻⁵³/h.
 */
export async function checkGradients(backend: Backend, options: TrainerOptions, input: StepInput): Promise<void> {
  const h = 1e-4;
  const trainer = await backend.openTrainer(options);
  const start = await trainer.snapshot();
  const { loss, temperature } = await trainer.step(input);
  const after = await trainer.snapshot();
  await trainer.close();

  const arrays = new Map(Object.entries(start.tensors).map(([name, { data }]) => [name, Float64Array.from(data)]));
  const batches = Object.fromEntries(
    await Promise.all(
      Object.entries(options.tables).map(
        async ([name, table]) => [name, rowsIn(await table.gather(input.rows))] as const,
      ),
    ),
  );
  const layers = Object.fromEntries(Object.entries(options.networks).map(([name, network]) => [name, network.layers]));
  const step = { objective: options.objective, layers, batches, seed: input.seed ?? 0 };
  const lossNow = (): number =>
    naiveLoss(
      { ...step, ...(input.mix === undefined ? {} : { mix: input.mix }) },
      (name) => arrays.get(name) ?? new Float64Array(0),
    );
  const tolerances = tolerancesOf(backend.manifest);
  // 1e-12: the error of the naive erf, summed and over the temperature.
  checkClose([loss], [lossNow()], tolerances.loss(temperature) + 1e-12 / temperature, 'the loss by hand');

  const slopes = [...arrays]
    .filter(([name]) => `adam.m/${name}` in start.tensors)
    .map(([name, values]) => ({ name, slope: centralDifferences(values, lossNow, h) }));
  const largest = Math.max(...slopes.flatMap(({ slope }) => [...slope].map(Math.abs)));
  // h²/6 times a third derivative, which grows with 1/τ³ and with the gradient: 1e-5 of the largest at τ = 0.2.
  const allowed = tolerances.gradient(temperature, largest) + 1e-5 * Math.max(1, largest);
  for (const { name, slope } of slopes) {
    const gradient = Float64Array.from(arrayOf(after, `adam.m/${name}`), (m) => m / (1 - options.optimizer.beta1));
    checkClose(gradient, slope, allowed, `the gradient of ${name} against central differences`);
  }
}
