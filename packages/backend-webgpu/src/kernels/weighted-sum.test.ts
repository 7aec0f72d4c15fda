import { test } from 'vitest';
import { expectWithin, normal, onDevice, room, U } from '../../test/run-kernel.ts';
import { weightedSum } from './weighted-sum.ts';

test(
  'a weighted sum starts anew, adds to what is there, or adds to other rows',
  onDevice(async (run) => {
    const a = Math.fround(-0.37);
    const [x, y, before] = [normal(7, 43, 'x'), normal(7, 43, 'y'), normal(7, 43, 'sum')];
    const found = await run({ x, y, fresh: room(7, 43), added: before, other: room(7, 43) }, (plan, on) => {
      weightedSum(plan, { a, x: on.x, sum: on.fresh, fresh: true });
      weightedSum(plan, { a, x: on.x, sum: on.added });
      weightedSum(plan, { a, x: on.x, y: on.y, sum: on.other });
    });
    // A product and a sum, rounded once or twice.
    const check = (result: Float32Array, onto: Float32Array | undefined): void =>
      expectWithin(
        result,
        Float64Array.from(x.data, (v, i) => a * v + (onto?.[i] ?? 0)),
        (i) => U * (2 * Math.abs(a * (x.data[i] ?? 0)) + Math.abs(onto?.[i] ?? 0)),
      );
    check(found.fresh, undefined);
    check(found.added, before.data);
    check(found.other, y.data);
  }),
);
