import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { layerNorm } from './layer-norm.ts';

test(
  'layer-norm standardises each row, scales and shifts it, and keeps the statistics',
  onDevice(async (run) => {
    const [n, c] = [5, 150]; // more columns than lanes, and no multiple of them
    const x = normal(n, c, 'x');
    x.data.forEach((v, i) => (x.data[i] = v + 3));
    const [weight, bias] = [normal(1, c, 'weight'), normal(1, c, 'bias')];
    const epsilon = Math.fround(1e-5);
    const found = await run({ x, weight, bias, y: room(n, c), means: room(1, n), scales: room(1, n) }, (plan, on) =>
      layerNorm(plan, { ...on, standard: on, epsilon }),
    );
    const means = table(1, n, (_, r) => sum(c, (k) => at(x, r, k)) / c);
    const squares = table(1, n, (_, r) => sum(c, (k) => (at(x, r, k) - (means[r] ?? 0)) ** 2));
    const scales = squares.map((s) => 1 / Math.sqrt(s / c + epsilon));
    // Three additions of a lane and six levels of lanes; a quotient of 2.5 units.
    const meanError = (r: number): number =>
      U * (9 * (sum(c, (k) => Math.abs(at(x, r, k))) / c) + 5 * Math.abs(means[r] ?? 0));
    // As in batch-norm-statistics.test.ts, with two additions more: relative to the scale.
    const scaleError = (r: number): number => (12 * U + (c * meanError(r) ** 2) / (squares[r] ?? 1)) / 2 + 17 * U;
    expectWithin(found.means, means, meanError);
    expectWithin(found.scales, scales, (r) => scaleError(r) * (scales[r] ?? 0));
    const scaled = table(n, c, (r, k) => (at(x, r, k) - (means[r] ?? 0)) * (scales[r] ?? 0) * at(weight, 0, k));
    expectWithin(
      found.y,
      table(n, c, (r, k) => (scaled[r * c + k] ?? 0) + at(bias, 0, k)),
      (i) => {
        const [r, k] = [Math.floor(i / c), i % c];
        const own = Math.abs(scaled[i] ?? 0);
        const ofMean = meanError(r) * Math.abs((scales[r] ?? 0) * at(weight, 0, k));
        return ofMean + own * (scaleError(r) + 4 * U) + U * (own + Math.abs(at(bias, 0, k)));
      },
    );
  }),
);
