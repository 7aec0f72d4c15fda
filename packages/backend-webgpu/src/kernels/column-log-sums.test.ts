import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, room, table, U } from '../../test/run-kernel.ts';
import { logSum, logSumTolerance } from '../../test/softmax.ts';
import { columnLogSums } from './column-log-sums.ts';

test(
  'columns get their log sums strip by strip, whichever strip their maximum is in',
  onDevice(async (run) => {
    const n = 37;
    const strips = [normal(20, n, 'first'), normal(17, n, 'second')] as const;
    const temperature = real(0.05);
    const tau = at(temperature, 0, 0);
    const [first, last] = strips;
    const found = await run(
      { first, last, temperature, maxima: room(1, n), sums: room(1, n), whole: room(1, n), wholeMaxima: room(1, n) },
      (plan, on) => {
        const { temperature: tau, maxima, sums } = on;
        columnLogSums(plan, { scores: on.first, temperature: tau, maxima, sums, isFirst: true, isLast: false });
        columnLogSums(plan, { scores: on.last, temperature: tau, maxima, sums, isFirst: false, isLast: true });
        const alone = { maxima: on.wholeMaxima, sums: on.whole, isFirst: true, isLast: true };
        columnLogSums(plan, { scores: on.first, temperature: tau, ...alone });
      },
    );
    const column = (scores: readonly (typeof first)[], c: number): readonly number[] =>
      scores.flatMap((strip) => Array.from({ length: strip.rows }, (_, r) => at(strip, r, c) / tau));
    // Two additions of a lane and four levels of lanes, twice, and the rescaling: an exponential more, a product, a sum.
    const allowed = (scores: readonly (typeof first)[], c: number): number =>
      logSumTolerance(column(scores, c), 12) + (10 + 11 * Math.max(...column(scores, c).map(Math.abs))) * U;
    expectWithin(
      found.sums,
      table(1, n, (_, c) => logSum(column(strips, c))),
      (c) => allowed(strips, c),
    );
    expectWithin(
      found.whole,
      table(1, n, (_, c) => logSum(column([first], c))),
      (c) => allowed([first], c),
    );
    const most = table(1, n, (_, c) =>
      Math.max(...strips.flatMap((s) => Array.from({ length: s.rows }, (_r, r) => at(s, r, c)))),
    );
    expectWithin(found.maxima, most, 0);
  }),
);
