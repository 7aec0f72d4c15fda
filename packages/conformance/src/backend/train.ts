import { type Backend, type Layer, matrix, tableOf } from '@freebind/core';
import type { ConformanceCase } from '../case.ts';
import { check, checkClose, checkRejects, checkSame } from '../check.ts';
import { networkOf, unitRows } from '../data.ts';
import { mean } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';
import { ADAM, arrayOf, checkGradients, checkSteps } from './step-check.ts';
import { batch, fuseTraining, layerTraining, projectorTraining, ROWS, steps, TRAININGS } from './trainings.ts';

const gradientCases = TRAININGS.map(({ of, options, mix }): ConformanceCase<Backend> => ({
  name: `trains through ${of} with the gradients of the formula`,
  because: 'loss by the naive formulas, gradients by their central differences and by the float64 oracle',
  requires: 'training',
  async run(backend) {
    const training = options();
    const more = { seed: 7, ...(mix === undefined ? {} : { mix }) };
    await checkGradients(backend, training, { rows: batch(training.batch), learningRate: 1e-2, ...more });
    await checkSteps(backend, training, steps(3, training.batch, more));
  },
}));

/** Requirements of `openTrainer` and `step`. */
export const trainCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'refuses to train when it does not declare training',
    unless: 'training',
    async run(backend) {
      await checkRejects(() => backend.openTrainer(projectorTraining()), 'FREEBIND_CAPABILITY_MISSING', 'openTrainer');
    },
  },
  ...gradientCases,
  {
    name: 'lowers the loss of a small alignment',
    requires: 'training',
    async run(backend) {
      const trainer = await backend.openTrainer(projectorTraining());
      const losses: number[] = [];
      for (const input of steps(30, 8)) losses.push((await trainer.step({ ...input, rows: batch(8) })).loss);
      await trainer.close();
      const [first = Number.NaN] = losses;
      const last = losses.at(-1) ?? Number.NaN;
      check(last < first / 2, `30 steps on one batch took the loss from ${first} to ${last}, expected less than half.`);
    },
  },
  {
    name: 'tells of a step, where it does, shares that rise up to 1',
    requires: 'training',
    async run(backend) {
      const trainer = await backend.openTrainer(projectorTraining());
      const shares: number[] = [];
      await trainer.step({ rows: batch(8), learningRate: 1e-2, progress: (share) => shares.push(share) });
      await trainer.close();
      const rise = shares.every((share, i) => share >= (shares[i - 1] ?? 0) && share <= 1);
      check(rise, `The shares of a step were ${shares.join(', ')}, expected numbers from 0 to 1 that never fall.`);
    },
  },
  {
    name: 'normalises by the biased variance and keeps the unbiased one',
    because: "PyTorch's BatchNorm1d",
    requires: 'training',
    async run(backend) {
      const size = 4;
      const layers: readonly Layer[] = [
        { kind: 'batch-norm', name: '0', size: 6, epsilon: 1e-5, momentum: 0.25 },
        { kind: 'normalise' },
      ];
      const network = networkOf(layers, 'statistics');
      const options = { ...layerTraining('statistics', layers, 6), networks: { p: network }, batch: size };
      const trainer = await backend.openTrainer(options);
      const input = { rows: batch(size), learningRate: 0 };
      await trainer.step(input);
      const state = await trainer.snapshot();
      await trainer.close();
      const rows = await options.tables['source']?.gather(input.rows);
      const columns = Array.from({ length: 6 }, (_, c) =>
        Array.from({ length: size }, (_, r) => rows?.data[r * 6 + c] ?? 0),
      );
      const moved = (old: string, towards: readonly number[]): number[] =>
        towards.map((x, c) => 0.75 * (network.weights[old]?.data[c] ?? 0) + 0.25 * x);
      const unbiased = columns.map((column) => {
        const center = mean(column);
        return column.reduce((sum, x) => sum + (x - center) ** 2, 0) / (size - 1);
      });
      const { unit, rounding } = tolerancesOf(backend.manifest);
      const name = 'p/0.running_mean';
      checkClose(arrayOf(state, name), moved('0.running_mean', columns.map(mean)), unit + rounding, name);
      checkClose(
        arrayOf(state, 'p/0.running_var'),
        moved('0.running_var', unbiased),
        unit + rounding,
        'p/0.running_var',
      );
    },
  },
  {
    name: 'mixes the first half of a batch with the second, in every table',
    because: 'FuseMix: λ · first + (1 − λ) · second, one λ for both modalities, before the networks',
    requires: 'training',
    async run(backend) {
      const lambda = 0.3;
      const options = projectorTraining({ batch: 12, mixup: true });
      const byHand = Object.fromEntries(
        await Promise.all(
          Object.entries(options.tables).map(async ([name, table]) => {
            const { cols, data } = await table.gather(batch(12));
            const half = 6 * cols;
            const mixed = Float64Array.from(
              { length: half },
              (_, i) => lambda * (data[i] ?? 0) + (1 - lambda) * (data[half + i] ?? 0),
            );
            return [name, tableOf(matrix(6, cols, mixed))] as const;
          }),
        ),
      );
      const mixing = await backend.openTrainer(options);
      const found = await mixing.step({ rows: batch(12), learningRate: 1e-2, mix: lambda });
      const state = await mixing.snapshot();
      await mixing.close();
      const plain = await backend.openTrainer(projectorTraining({ batch: 6, tables: byHand }));
      const expected = await plain.step({ rows: Int32Array.of(0, 1, 2, 3, 4, 5), learningRate: 1e-2 });
      const wanted = await plain.snapshot();
      await plain.close();
      const { loss, unit } = tolerancesOf(backend.manifest);
      checkClose([found.loss], [expected.loss], loss(0.1) + 1e-6, 'the loss of a mixed batch'); // 1e-6: inputs rounded to float32
      const name = 'p/1.running_var';
      checkClose(arrayOf(state, name), arrayOf(wanted, name), unit + 1e-6, name);
    },
  },
  {
    name: 'drops other entries for another seed, and the same for the same',
    requires: 'training',
    async run(backend) {
      const loss = async (seed: number): Promise<number> => {
        const trainer = await backend.openTrainer(fuseTraining());
        const result = await trainer.step({ rows: batch(16), learningRate: 0, mix: 1, seed });
        await trainer.close();
        return result.loss;
      };
      const [one, again, other] = [await loss(1), await loss(1), await loss(2 ** 32 - 1)];
      const { loss: tolerance } = tolerancesOf(backend.manifest);
      checkClose([again], [one], tolerance(0.2), 'the loss of the same step again');
      check(Math.abs(one - other) > 1e-3, `Seeds 1 and 2³² − 1 give the losses ${one} and ${other}, expected others.`);
    },
  },
  {
    name: 'puts a learned temperature back into its bounds, and keeps learning it there',
    because:
      'FuseMix clamps the parameter in place, `temp.clamp_(0.001, 0.5)` without gradient: it never freezes at a bound',
    requires: 'training',
    async run(backend) {
      for (const [initial, used] of [
        [0.9, 0.5],
        [0.05, 0.125],
        [0.25, 0.25],
        [0.5, 0.5],
      ] as const) {
        const temperature = { initial, learned: { min: 0.125, max: 0.5 } };
        const options = projectorTraining();
        const trainer = await backend.openTrainer({ ...options, objective: { ...options.objective, temperature } });
        const learningRate = 1e-2;
        const result = await trainer.step({ rows: batch(8), learningRate });
        const state = await trainer.snapshot();
        await trainer.close();
        const { unit } = tolerancesOf(backend.manifest);
        checkClose([result.temperature], [used], unit, `the temperature used for a parameter of ${initial}`);
        const [moment = Number.NaN] = arrayOf(state, 'adam.m/temperature');
        check(
          Math.abs(moment) > 1e-6,
          `The temperature ${initial} has the first moment ${moment}, expected another than 0.`,
        );
        // Adam's first step is the learning rate against the gradient's sign, but for ε = 1e-8 beside |gradient| > 1e-5.
        const moved = used - learningRate * Math.sign(moment);
        checkClose(
          arrayOf(state, 'temperature'),
          [moved],
          unit + learningRate * 1e-3,
          `the temperature ${initial} after a step`,
        );
      }
    },
  },
  {
    name: 'decays arrays of two and more dimensions only',
    because: 'AdamW as FuseMix uses it: not biases, norms or the temperature',
    requires: 'training',
    async run(backend) {
      const options = fuseTraining({ optimizer: { ...ADAM, weightDecay: 0.5 } });
      await checkSteps(backend, options, steps(3, 16, { mix: 0.6, seed: 3 }));
    },
  },
  {
    name: 'adds epsilon outside of the root and corrects the bias of both moments',
    because: "PyTorch's Adam; with an epsilon of the gradients' size the difference shows",
    requires: 'training',
    async run(backend) {
      await checkSteps(
        backend,
        projectorTraining({ optimizer: { ...ADAM, epsilon: 0.05, beta1: 0.5, beta2: 0.9 } }),
        steps(4, 8),
      );
    },
  },
  {
    name: 'moves nothing but statistics and moments at a learning rate of 0',
    because: 'schedules pass through 0',
    requires: 'training',
    async run(backend) {
      const options = projectorTraining();
      const trainer = await backend.openTrainer(options);
      await trainer.step({ rows: batch(8), learningRate: 0 });
      const state = await trainer.snapshot();
      await trainer.close();
      for (const name of ['0.weight', '0.bias', '1.weight', '4.bias']) {
        const start = options.networks['p']?.weights[name]?.data ?? new Float32Array(0);
        checkClose(arrayOf(state, `p/${name}`), start, 0, name);
      }
    },
  },
  {
    name: 'stays finite at a small temperature and gives the loss of the formula',
    because: 'exp(1 / 0.002) overflows float32 unless the maximum is subtracted',
    requires: 'training',
    async run(backend) {
      const options = projectorTraining();
      await checkSteps(
        backend,
        { ...options, objective: { ...options.objective, temperature: { initial: 0.002 } } },
        steps(2, 8),
      );
    },
  },
  {
    name: 'returns NaN as the loss instead of throwing',
    because: 'core names the step and the table that caused it',
    requires: 'training',
    async run(backend) {
      const bad = unitRows(ROWS, 6, 'source');
      bad.data[0] = Number.NaN;
      const options = projectorTraining();
      const trainer = await backend.openTrainer({ ...options, tables: { ...options.tables, source: tableOf(bad) } });
      const { loss } = await trainer.step({ rows: batch(8), learningRate: 1e-2 });
      await trainer.close();
      checkSame(loss, Number.NaN, 'the loss of a batch with NaN');
    },
  },
];
