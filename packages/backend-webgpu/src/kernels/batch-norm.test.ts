import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, table, U } from '../../test/run-kernel.ts';
import { batchNorm } from './batch-norm.ts';

test(
  'batch-norm standardises, scales and shifts by column',
  onDevice(async (run) => {
    const [n, c] = [7, 43];
    const x = normal(n, c, 'x');
    const [means, scales, weight, bias] = ['mean', 'scale', 'weight', 'bias'].map((seed) => normal(1, c, seed)) as [
      ReturnType<typeof normal>,
      ReturnType<typeof normal>,
      ReturnType<typeof normal>,
      ReturnType<typeof normal>,
    ]; // four of four
    const { y } = await run({ x, means, scales, weight, bias, y: room(n, c) }, (plan, on) =>
      batchNorm(plan, { ...on, standard: on }),
    );
    const scaled = table(n, c, (r, k) => (at(x, r, k) - at(means, 0, k)) * at(scales, 0, k) * at(weight, 0, k));
    // A difference and three products, then a sum.
    expectWithin(
      y,
      table(n, c, (r, k) => (scaled[r * c + k] ?? 0) + at(bias, 0, k)),
      (i) => U * (4 * Math.abs(scaled[i] ?? 0) + Math.abs((scaled[i] ?? 0) + at(bias, 0, i % c))),
    );
  }),
);
