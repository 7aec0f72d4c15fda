import { type Backend, stateTensors, type StepInput, type TrainerOptions, type TrainerState } from '@freebind/core';
import type { ConformanceCase } from '../case.ts';
import { check, checkClose, checkIdentical, checkRejects, checkSame } from '../check.ts';
import { tolerancesOf } from '../tolerance.ts';
import { arrayOf } from './step-check.ts';
import { fuseTraining, projectorTraining } from './trainings.ts';

const inputs: readonly StepInput[] = Array.from({ length: 4 }, (_, i) => ({
  rows: Int32Array.from({ length: 16 }, (_, r) => (7 * r + i) % 24),
  learningRate: 1e-2 / (i + 1),
  mix: 0.2 + 0.2 * i,
  seed: i,
}));

interface Run {
  readonly losses: readonly number[];
  readonly state: TrainerState;
}

async function take(backend: Backend, options: TrainerOptions, taken: readonly StepInput[]): Promise<Run> {
  const trainer = await backend.openTrainer(options);
  const losses: number[] = [];
  for (const input of taken) losses.push((await trainer.step(input)).loss);
  const state = await trainer.snapshot();
  await trainer.close();
  return { losses, state };
}

/** The same run where the manifest promises that, else the same within a tolerance that the steps since share. */
function checkSameRun(backend: Backend, found: Run, expected: Run): void {
  if (backend.manifest.bitwiseRepeatable) {
    checkIdentical(Float64Array.from(found.losses), Float64Array.from(expected.losses), 'the losses');
    for (const name of Object.keys(expected.state.tensors))
      checkIdentical(arrayOf(found.state, name), arrayOf(expected.state, name), name);
    return;
  }
  const tolerance = expected.losses.length * 10 * tolerancesOf(backend.manifest).loss(0.2);
  checkClose(found.losses, expected.losses, tolerance, 'the losses');
}

/** Requirements of `snapshot` and of continuing from it. */
export const trainStateCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'snapshots the state under the documented names, in its precision',
    requires: 'training',
    async run(backend) {
      const options = fuseTraining();
      const trainer = await backend.openTrainer(options);
      const state = await trainer.snapshot();
      await trainer.close();
      checkSame(state.step, 0, 'steps taken');
      const wanted = stateTensors(options);
      checkSame(
        Object.keys(state.tensors).sort().join(),
        wanted
          .map(({ name }) => name)
          .sort()
          .join(),
        'names of the state',
      );
      for (const { name, shape } of wanted) {
        const { data } = state.tensors[name] ?? { data: new Float32Array(0) };
        checkSame(state.tensors[name]?.shape.join(), shape.join(), `shape of ${name}`);
        checkSame(
          data.length,
          shape.reduce((a, b) => a * b, 1),
          `count of numbers of ${name}`,
        );
        const found = data instanceof Float64Array ? 'float64' : 'float32';
        checkSame(found, backend.manifest.precision, `precision of ${name}`);
        if (name.startsWith('adam.'))
          check(
            data.every((x) => x === 0),
            `${name} is not zero before the first step.`,
          );
      }
      const start = options.networks['image']?.weights['0.fn.0.weight']?.data ?? new Float32Array(0);
      checkClose(arrayOf(state, 'image/0.fn.0.weight'), start, 0, 'a weight before the first step');
    },
  },
  {
    name: 'gives snapshots that later steps do not move, and writes to none of its inputs',
    requires: 'training',
    async run(backend) {
      const options = fuseTraining();
      const inputsBefore = [
        ...Object.values(options.networks).flatMap(({ weights }) => Object.values(weights).map(({ data }) => data)),
        ...(await Promise.all(
          Object.values(options.tables).map(async (table) => (await table.read(0, table.rows)).data),
        )),
      ].map((data) => ({ data, copy: data.slice() }));
      const first = await take(backend, options, inputs.slice(0, 1));
      const continued = { ...options, state: first.state };
      const before = Object.entries(first.state.tensors).map(([name, { data }]) => ({ name, copy: data.slice() }));
      const trainer = await backend.openTrainer(continued);
      const early = await trainer.snapshot();
      const copies = Object.entries(early.tensors).map(([name, { data }]) => ({ name, copy: data.slice() }));
      for (const input of inputs.slice(1)) await trainer.step(input);
      await trainer.close();
      for (const { name, copy } of copies) checkIdentical(arrayOf(early, name), copy, `${name} of an earlier snapshot`);
      for (const { name, copy } of before)
        checkIdentical(arrayOf(first.state, name), copy, `${name} of the state that was continued`);
      for (const { data, copy } of inputsBefore) checkIdentical(data, copy, 'an input of training');
    },
  },
  {
    name: 'continues from a snapshot as if it had not stopped',
    because: 'a run that is killed at any moment continues bit for bit on the same backend',
    requires: 'training',
    async run(backend) {
      for (const options of [fuseTraining(), projectorTraining({ batch: 16, mixup: true })]) {
        const whole = await take(backend, options, inputs);
        const first = await take(backend, options, inputs.slice(0, 2));
        const second = await take(backend, { ...options, state: first.state }, inputs.slice(2));
        checkSame(second.state.step, 4, 'steps taken');
        checkSameRun(backend, { losses: [...first.losses, ...second.losses], state: second.state }, whole);
      }
    },
  },
  {
    name: 'gives equal runs for equal calls',
    requires: 'training',
    async run(backend) {
      checkSameRun(backend, await take(backend, fuseTraining(), inputs), await take(backend, fuseTraining(), inputs));
    },
  },
  {
    name: 'refuses to continue from the state of another training',
    requires: 'training',
    async run(backend) {
      const { state } = await take(backend, fuseTraining(), []);
      const code = 'FREEBIND_CHECKPOINT_INVALID';
      await checkRejects(() => backend.openTrainer(projectorTraining({ state })), code, 'a state of other networks');
      const { ['adam.v/temperature']: _left, ...tensors } = state.tensors;
      const incomplete = { step: 0, tensors };
      await checkRejects(
        () => backend.openTrainer(fuseTraining({ state: incomplete })),
        code,
        'a state without a moment',
      );
    },
  },
];
