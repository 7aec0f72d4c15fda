import { test } from 'vitest';
import { at, expectWithin, integers, normal, onDevice, real, room, table, U } from '../../test/run-kernel.ts';
import { gatherRows } from './gather-rows.ts';

test(
  'rows are gathered to the bit, or mixed pair by pair',
  onDevice(async (run) => {
    const source = normal(9, 37, 'table');
    const numbers = integers(1, 8, [8, 0, 3, 3, 5, 1, 8, 2]);
    const mix = real(0.7, 0.3);
    const found = await run({ source, numbers, mix, plain: room(8, 37), mixed: room(4, 37) }, (plan, on) => {
      gatherRows(plan, { table: on.source, numbers: on.numbers, mix: undefined, out: on.plain });
      gatherRows(plan, { table: on.source, numbers: on.numbers, mix: on.mix, out: on.mixed });
    });
    expectWithin(
      found.plain,
      table(8, 37, (r, c) => at(source, at(numbers, 0, r), c)),
      0,
    );
    const [first, second] = [0, 4].map((from) =>
      table(4, 37, (r, c) => at(mix, 0, from / 4) * at(source, at(numbers, 0, from + r), c)),
    );
    // Two products and a sum.
    expectWithin(
      found.mixed,
      table(4, 37, (r, c) => (first?.[r * 37 + c] ?? NaN) + (second?.[r * 37 + c] ?? NaN)),
      (i) => 2 * U * (Math.abs(first?.[i] ?? 0) + Math.abs(second?.[i] ?? 0)),
    );
  }),
);
