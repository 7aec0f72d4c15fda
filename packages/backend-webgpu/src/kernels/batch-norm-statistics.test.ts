import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { batchNormStatistics } from './batch-norm-statistics.ts';

test(
  "a batch's statistics by column, and the running ones that follow them, unbiased",
  onDevice(async (run) => {
    const [n, c] = [37, 21]; // neither a multiple of 16
    const x = normal(n, c, 'x');
    x.data.forEach((v, i) => (x.data[i] = v + 3)); // a mean that E x² − (E x)² would suffer from
    const [runningMean, runningVariance] = [normal(1, c, 'mean'), normal(1, c, 'variance')];
    const [epsilon, momentum] = [Math.fround(1e-5), Math.fround(0.1)];
    const found = await run({ x, means: room(1, c), scales: room(1, c), runningMean, runningVariance }, (plan, on) =>
      batchNormStatistics(plan, on.x, on, { mean: on.runningMean, variance: on.runningVariance, epsilon, momentum }),
    );
    const means = table(1, c, (_, k) => sum(n, (r) => at(x, r, k)) / n);
    const squares = table(1, c, (_, k) => sum(n, (r) => (at(x, r, k) - (means[k] ?? 0)) ** 2));
    // Three additions of a lane and four levels of lanes; a quotient of 2.5 units.
    const meanError = (k: number): number =>
      U * (7 * (sum(n, (r) => Math.abs(at(x, r, k))) / n) + 5 * Math.abs(means[k] ?? 0));
    // What the mean is off by moves the sum of squares by its own square only. A difference, its square and seven additions.
    const squaresError = (k: number): number => 10 * U * (squares[k] ?? 0) + n * meanError(k) ** 2;
    expectWithin(found.means, means, meanError);
    const scales = squares.map((s) => 1 / Math.sqrt(s / n + epsilon));
    // Half of the relative error of what stands under the root, a quotient and a sum more; root and quotient: 4.5 and 2.5 units.
    expectWithin(found.scales, scales, (k) => (scales[k] ?? 0) * (squaresError(k) / (squares[k] ?? 1) / 2 + 17 * U));
    const moved = (old: number, value: number): number => momentum * value + Math.fround(1 - momentum) * old;
    const movedError = (old: number, value: number, error: number): number =>
      momentum * error + 2 * U * (momentum * Math.abs(value) + Math.abs(old));
    expectWithin(
      found.runningMean,
      means.map((mean, k) => moved(at(runningMean, 0, k), mean)),
      (k) => movedError(at(runningMean, 0, k), means[k] ?? 0, meanError(k)),
    );
    expectWithin(
      found.runningVariance,
      squares.map((s, k) => moved(at(runningVariance, 0, k), s / (n - 1))),
      (k) => {
        const variance = (squares[k] ?? 0) / (n - 1);
        return movedError(at(runningVariance, 0, k), variance, squaresError(k) / (n - 1) + 5 * U * variance);
      },
    );
  }),
);
