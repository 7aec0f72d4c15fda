import { test } from 'vitest';
import { density, DISTRIBUTION_ERROR, distribution } from '../../test/normal-distribution.ts';
import { expectWithin, normal, onDevice, room, U } from '../../test/run-kernel.ts';
import { geluBackward } from './gelu-backward.ts';

const slope = (v: number): number => distribution(v) + v * density(v);

test(
  'the gradient of gelu is ∂y · (Φ(x) + x · φ(x))',
  onDevice(async (run) => {
    const [x, dy] = [normal(7, 43, 'x'), normal(7, 43, 'dy')];
    x.data.set([0, -6, 6, -4.5]);
    const { dx } = await run({ x, dy, dx: room(7, 43) }, (plan, on) => geluBackward(plan, on.x, on.dy, on.dx));
    expectWithin(
      dx,
      Float64Array.from(x.data, (v, i) => (dy.data[i] ?? 0) * slope(v)),
      (i) => {
        const v = x.data[i] ?? 0;
        // φ: its exponential is allowed 3 + x² units, its argument and factor are rounded; then an fma and a product.
        const term = Math.abs(v) * density(v) * (12 + 3 * v * v) * U;
        return Math.abs(dy.data[i] ?? 0) * (DISTRIBUTION_ERROR + term + 3 * U);
      },
    );
  }),
);
