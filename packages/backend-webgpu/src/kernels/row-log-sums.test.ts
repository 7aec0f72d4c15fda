import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, room, table, U } from '../../test/run-kernel.ts';
import { logSum, logSumTolerance } from '../../test/softmax.ts';
import { rowLogSums } from './row-log-sums.ts';

test(
  "a strip's rows get their log sums and positives, in their places",
  onDevice(async (run) => {
    const [b, n, first] = [5, 150, 3];
    const scores = normal(b, n, 'scores');
    const temperature = real(0.05);
    const found = await run({ scores, temperature, sums: room(1, n), positives: room(1, n) }, (plan, on) =>
      rowLogSums(plan, { ...on, first }),
    );
    const tau = at(temperature, 0, 0);
    const logits = (r: number): readonly number[] => Array.from({ length: n }, (_, c) => at(scores, r, c) / tau);
    const isOwn = (row: number): boolean => row >= first && row < first + b;
    expectWithin(
      found.sums,
      table(1, n, (_, row) => (isOwn(row) ? logSum(logits(row - first)) : 777)),
      // Three additions of a lane, six levels of lanes.
      (row) => (isOwn(row) ? logSumTolerance(logits(row - first), 9) : 0),
    );
    const positive = (row: number): number => at(scores, row - first, row) / tau;
    expectWithin(
      found.positives,
      table(1, n, (_, row) => (isOwn(row) ? positive(row) : 777)),
      (row) => (isOwn(row) ? 5 * U * Math.abs(positive(row)) : 0),
    );
  }),
);
