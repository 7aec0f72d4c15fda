import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, room, sum, U } from '../../test/run-kernel.ts';
import { infoNceLoss } from './info-nce-loss.ts';

test(
  "a pair's loss and slope stand alone for the first pair and are added for others",
  onDevice(async (run) => {
    const [n, share] = [150, 0.5];
    const [rowSums, columnSums] = [normal(1, n, 'rows'), normal(1, n, 'columns')];
    const [positives, products] = [normal(1, n, 'positives'), normal(1, n, 'products')];
    const temperature = real(0.07);
    const arrays = { rowSums, columnSums, positives, products, temperature, results: room(1, 2), gradient: room(1, 1) };
    const alone = await run(arrays, (plan, on) => infoNceLoss(plan, { ...on, share, isFirst: true }));
    const added = await run({ ...arrays, results: real(4, 5), gradient: real(6) }, (plan, on) =>
      infoNceLoss(plan, { ...on, share, isFirst: false }),
    );
    const term = (i: number): number => 0.5 * (at(rowSums, 0, i) + at(columnSums, 0, i)) - at(positives, 0, i);
    const magnitude = (i: number): number =>
      0.5 * (Math.abs(at(rowSums, 0, i) - at(positives, 0, i)) + Math.abs(at(columnSums, 0, i) - at(positives, 0, i)));
    const loss = (share / n) * sum(n, term);
    const slope = -sum(n, (i) => at(products, 0, i)) / at(temperature, 0, 0);
    // Two roundings of a term, three additions of a lane, six levels of lanes; share/n is rounded, and so are product and sum.
    const lossError = U * ((share / n) * 11 * sum(n, magnitude) + 3 * Math.abs(loss) + 4);
    const slopeError =
      U * ((9 / at(temperature, 0, 0)) * sum(n, (i) => Math.abs(at(products, 0, i))) + 6 * Math.abs(slope) + 6);
    expectWithin(alone.results, [loss, 777], (i) => (i === 0 ? lossError : 0));
    expectWithin(added.results, [4 + loss, 5], (i) => (i === 0 ? lossError : 0));
    expectWithin(alone.gradient, [slope], slopeError);
    expectWithin(added.gradient, [6 + slope], slopeError);
  }),
);
