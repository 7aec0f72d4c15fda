import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { columnSums } from './column-sums.ts';

test(
  'columns are summed, in place of what is there or onto it',
  onDevice(async (run) => {
    const [n, c] = [37, 21];
    const [x, before] = [normal(n, c, 'x'), normal(1, c, 'before')];
    const found = await run({ x, sums: room(1, c), added: before }, (plan, on) => {
      columnSums(plan, on.x, on.sums, false);
      columnSums(plan, on.x, on.added, true);
    });
    const sums = table(1, c, (_, k) => sum(n, (r) => at(x, r, k)));
    // Three additions of a lane and four levels of lanes; one more.
    const error = (k: number): number => 7 * U * sum(n, (r) => Math.abs(at(x, r, k)));
    expectWithin(found.sums, sums, error);
    expectWithin(
      found.added,
      sums.map((s, k) => s + at(before, 0, k)),
      (k) => error(k) + U * Math.abs((sums[k] ?? 0) + at(before, 0, k)),
    );
  }),
);
