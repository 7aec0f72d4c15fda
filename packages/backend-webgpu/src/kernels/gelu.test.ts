import { test } from 'vitest';
import { DISTRIBUTION_ERROR, distribution } from '../../test/normal-distribution.ts';
import { expectWithin, normal, onDevice, room, U } from '../../test/run-kernel.ts';
import { gelu } from './gelu.ts';

test(
  'gelu is x · Φ(x)',
  onDevice(async (run) => {
    const x = normal(7, 43, 'gelu');
    x.data.set([0, -6, 6, -4.5]);
    const { y } = await run({ x, y: room(7, 43) }, (plan, on) => gelu(plan, on.x, on.y));
    const expected = Float64Array.from(x.data, (v) => v * distribution(v));
    expectWithin(y, expected, (i) => Math.abs(x.data[i] ?? 0) * (DISTRIBUTION_ERROR + U));
  }),
);
