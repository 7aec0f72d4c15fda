import type { TrainerState } from '@freebind/core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { GoldenBackend } from './backends.ts';
import { absorbedBiases, averageInUse, largestDrift } from './batch-norm-bias.ts';
import { expectClose, type Tolerance, toleranceOf } from './compare.ts';
import { type GoldenEntry, readJson, readTensors } from './folder.ts';
import { type GoldenRun, type Losses, openRun, repeatRun, type Trajectory } from './trajectory.ts';

/** A golden run repeated on one backend. */
interface Repeated extends Trajectory {
  readonly run: GoldenRun;
  readonly precision: 'float32' | 'float64';
}

/** Tests every run among `entries` on every backend, and gives the ids it read or compared. */
export async function testTrainingRuns(
  entries: readonly GoldenEntry[],
  backends: readonly GoldenBackend[],
): Promise<readonly string[]> {
  const inits = entries.filter(({ id }) => id.endsWith('.init.safetensors'));
  const runs = await Promise.all(inits.map((init) => openRun(init, entries)));
  return runs.flatMap((run) => {
    const prefix = `training/${run.name}.`;
    const own = entries.filter(({ id }) => id.startsWith(prefix));
    const checks = own.flatMap((entry) => {
      const check = checkOf(entry.id.slice(prefix.length));
      return check === undefined ? [] : [{ entry, check }];
    });
    describe.each(backends)(`the golden run ${run.name} on $name`, (backend) => {
      let repeated: Repeated;
      beforeAll(async () => {
        if (backend.unavailable !== undefined) return;
        const opened = await backend.open();
        try {
          repeated = { ...(await repeatRun(run, opened)), run, precision: backend.precision };
        } finally {
          await opened.close();
        }
      });
      test.for(checks)('gives the numbers of $entry.id', async ({ entry, check }, { skip }) => {
        if (backend.unavailable !== undefined) skip(backend.unavailable);
        expect.hasAssertions();
        await check(entry, repeated);
      });
    });
    // What the run starts from was read to repeat it.
    const start = own.filter(({ id }) =>
      /^(init\.safetensors|source\d+|target\d+|vis|text)$/.test(id.slice(prefix.length)),
    );
    return [...start, ...checks.map(({ entry }) => entry)].map(({ id }) => id);
  });
}

function checkOf(part: string): ((entry: GoldenEntry, repeated: Repeated) => Promise<void>) | undefined {
  if (/^f(32|64)\.grads_step1\.safetensors$/.test(part)) return checkGradients;
  if (/^f(32|64)\.step\d+\.safetensors$/.test(part)) return checkState;
  if (/^f(32|64)\.losses$/.test(part)) return checkLosses;
  return undefined;
}

/** Adam's first moment after one step from zero is (1 − β₁) · gradient. */
async function checkGradients(entry: GoldenEntry, { run, states, precision }: Repeated): Promise<void> {
  const golden = await readTensors(entry.file);
  const moments = Object.entries(states[0]?.tensors ?? {}).filter(([name]) => name.startsWith('adam.m/'));
  const names = moments.map(([name]) => run.goldenName(name.slice('adam.m/'.length)));
  expect(names.sort()).toEqual(Object.keys(golden).sort());
  for (const [name, { data }] of moments) {
    const gradient = Float64Array.from(data, (m) => m / (1 - run.options.optimizer.beta1));
    const goldenName = run.goldenName(name.slice('adam.m/'.length));
    expectClose(gradient, golden[goldenName]?.data ?? [], toleranceOf(entry, precision), goldenName);
  }
}

/** Loss by step and, where it is learned, temperature. */
async function checkLosses(entry: GoldenEntry, { losses, states, precision }: Repeated): Promise<void> {
  const golden = await readJson<Losses>(entry.file);
  const tolerance = toleranceOf(entry, precision);
  expectClose(losses, golden.losses, tolerance, 'loss by step');
  if (golden.temp_after_step === undefined) return;
  const temperatures = states.map(({ tensors }) => tensors['temperature']?.data[0] ?? NaN);
  expectClose(temperatures, golden.temp_after_step, tolerance, 'temperature after each step');
}

/** Weights and running statistics after `entry.step` steps. */
async function checkState(entry: GoldenEntry, repeated: Repeated): Promise<void> {
  const { run, states, precision } = repeated;
  const golden = await readTensors(entry.file);
  const step = entry.step ?? NaN;
  const state = states[step - 1]?.tensors ?? {};
  const names = Object.keys(state).filter((name) => !name.startsWith('adam.'));
  // freebind keeps no count of batches: with a momentum given, PyTorch's BatchNorm does not use it either.
  const goldenNames = Object.keys(golden).filter((name) => !name.endsWith('.num_batches_tracked'));
  expect(names.map(run.goldenName).sort()).toEqual(goldenNames.sort());

  const tolerance = toleranceOf(entry, precision);
  const rounded = precision === 'float32' || entry.id.includes('.f32.');
  const absorbed = rounded ? absorbedBiases(run) : [];
  const excused = new Set(absorbed.flatMap(({ bias, mean }) => [bias, mean]));
  for (const name of names.filter((n) => !excused.has(n)))
    expectClose(state[name]?.data ?? [], golden[run.goldenName(name)]?.data ?? [], tolerance, name);

  for (const { bias, mean, momentum, runsPerStep, initial } of absorbed) {
    // Each update moves a bias by at most the learning rate; a float32 golden file's bias wanders as well.
    const wanderers = entry.id.includes('.f32.') ? 2 : 1;
    const drift = wanderers * run.learningRate;
    const found = numbers(state, bias);
    const foundMean = numbers(state, mean);
    const goldenMean = numbers(golden, run.goldenName(mean));
    expectClose(found, numbers(golden, run.goldenName(bias)), within(drift * step + tolerance.by), bias);

    if (entry.id.includes('.f32.')) {
      // The golden file does not say which biases its run went through, only how far they can have gone.
      const bound = tolerance.by + largestDrift(drift, step, { momentum, runsPerStep });
      expectClose(foundMean, goldenMean, within(bound), mean);
      continue;
    }
    const inUse = [initial, ...states.slice(0, step - 1).map(({ tensors }) => numbers(tensors, bias))];
    const own = averageInUse(inUse, { momentum, runsPerStep });
    // In float64 the gradient is zero to 1e-15, so the golden bias is its initial value to 1e-9.
    const theirs = averageInUse(
      inUse.map(() => initial),
      { momentum, runsPerStep },
    );
    expectClose(
      foundMean.map((x, i) => x - (own[i] ?? NaN)),
      goldenMean.map((x, i) => x - (theirs[i] ?? NaN)),
      tolerance,
      `${mean} minus the biases it carries`,
    );
  }
}

const numbers = (tensors: TrainerState['tensors'], name: string): readonly number[] =>
  Array.from(tensors[name]?.data ?? []);

const within = (by: number): Tolerance => ({ by, relative: 'never' });
