import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { layerNormBackward } from './layer-norm-backward.ts';

test(
  "layer-norm's gradient takes out what goes through each row's mean and variance",
  onDevice(async (run) => {
    const [n, c] = [5, 150];
    const [x, dy, weight] = [normal(n, c, 'x'), normal(n, c, 'dy'), normal(1, c, 'weight')];
    const [means, scales] = [normal(1, n, 'means'), normal(1, n, 'scales')];
    const { dx } = await run({ x, dy, weight, means, scales, dx: room(n, c) }, (plan, on) =>
      layerNormBackward(plan, { ...on, standard: on }),
    );
    const g = (r: number, k: number): number => at(dy, r, k) * at(weight, 0, k);
    const normalised = (r: number, k: number): number => (at(x, r, k) - at(means, 0, r)) * at(scales, 0, r);
    const mean = (term: (k: number) => number): number => sum(c, term) / c;
    const expected = table(n, c, (r, k) => {
      const along = mean((j) => g(r, j) * normalised(r, j));
      return at(scales, 0, r) * (g(r, k) - mean((j) => g(r, j)) - normalised(r, k) * along);
    });
    expectWithin(dx, expected, (i) => {
      const [r, k] = [Math.floor(i / c), i % c];
      // Terms of four roundings at most, three additions of a lane, six levels of lanes and a quotient of 2.5 units: 18 u of the
      // mean magnitude; then two sums, and products with x̂ (two roundings) and the scale.
      const plain = mean((j) => Math.abs(g(r, j)));
      const along = Math.abs(normalised(r, k)) * mean((j) => Math.abs(g(r, j) * normalised(r, j)));
      return Math.abs(at(scales, 0, r)) * U * (5 * Math.abs(g(r, k)) + 22 * (plain + along));
    });
  }),
);
