import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, table, U } from '../../test/run-kernel.ts';
import { batchNormBackward } from './batch-norm-backward.ts';

test(
  "batch-norm's gradient takes out what goes through mean and variance",
  onDevice(async (run) => {
    const [n, c] = [7, 43];
    const [x, dy, sums] = [normal(n, c, 'x'), normal(n, c, 'dy'), normal(2, c, 'sums')];
    const [means, scales, weight] = [normal(1, c, 'means'), normal(1, c, 'scales'), normal(1, c, 'weight')];
    const { dx } = await run({ x, dy, means, scales, weight, sums, dx: room(n, c) }, (plan, on) =>
      batchNormBackward(plan, { ...on, standard: on }),
    );
    const parts = (r: number, k: number): readonly [number, number, number] => [
      at(dy, r, k),
      -at(sums, 1, k) / n,
      ((at(x, r, k) - at(means, 0, k)) * at(scales, 0, k) * -at(sums, 0, k)) / n,
    ];
    const factor = (k: number): number => at(weight, 0, k) * at(scales, 0, k);
    // The longest part has a difference, two products and a quotient of 2.5 units; two sums; two products around them.
    expectWithin(
      dx,
      table(n, c, (r, k) => factor(k) * parts(r, k).reduce((a, b) => a + b)),
      (i) => {
        const magnitudes = parts(Math.floor(i / c), i % c).reduce((a, b) => a + Math.abs(b), 0);
        return 12 * U * Math.abs(factor(i % c)) * magnitudes;
      },
    );
  }),
);
