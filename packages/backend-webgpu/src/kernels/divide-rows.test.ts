import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, table, U } from '../../test/run-kernel.ts';
import { divideRows } from './divide-rows.ts';

test(
  'every row is divided by its own divisor',
  onDevice(async (run) => {
    const x = normal(3, 101, 'x');
    const divisors = real(0.3, 7, 1e-3);
    const found = await run({ x, divisors }, (plan, on) => divideRows(plan, on.x, on.divisors));
    const expected = table(3, 101, (r, c) => at(x, r, c) / at(divisors, 0, r));
    // WGSL gives a quotient 2.5 units.
    expectWithin(found.x, expected, (i) => 5 * U * Math.abs(expected[i] ?? 0));
  }),
);
