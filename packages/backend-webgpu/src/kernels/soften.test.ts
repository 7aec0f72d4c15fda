import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { soften } from './soften.ts';

test(
  'tiles of scores become softmax weights below a running maximum, and older sums are rescaled',
  onDevice(async (run) => {
    const q = 3;
    const tiles = [normal(q, 150, 'first'), normal(q, 70, 'second')] as const;
    const [first, second] = tiles;
    const coldness = 20;
    const state = { maxima: room(1, q), sums: room(1, q), rescale: room(1, q) };
    const one = await run({ first, ...state }, (plan, on) => soften(plan, on.first, on, { coldness, isFirst: true }));
    const two = await run({ first, second, ...state }, (plan, on) => {
      soften(plan, on.first, on, { coldness, isFirst: true });
      soften(plan, on.second, on, { coldness, isFirst: false });
    });
    const top = (r: number, seen: readonly (typeof first)[]): number =>
      Math.max(...seen.flatMap((tile) => Array.from({ length: tile.cols }, (_, c) => at(tile, r, c))));
    const weight = (x: number): number => Math.exp(coldness * x);
    // The argument is a difference and a product, 2 u; the exponential is allowed 3 + 2|x| units. What is below the smallest normal
    // number may be taken as 0.
    const weightError = (x: number): number => weight(x) * (6 + 6 * Math.abs(coldness * x)) * U + 2 ** -126;
    const below = (tile: typeof first, r: number, c: number, seen: readonly (typeof first)[]): number =>
      at(tile, r, c) - top(r, seen);
    for (const { found, tile, seen } of [
      { found: one.first, tile: first, seen: [first] },
      { found: two.second, tile: second, seen: tiles },
    ]) {
      expectWithin(
        found,
        table(q, tile.cols, (r, c) => weight(below(tile, r, c, seen))),
        (i) => weightError(below(tile, Math.floor(i / tile.cols), i % tile.cols, seen)),
      );
    }
    const total = (r: number, of: (x: number) => number, seen: readonly (typeof first)[]): number =>
      seen.reduce((all, tile) => all + sum(tile.cols, (c) => of(below(tile, r, c, seen))), 0);
    for (const { found, seen } of [
      { found: one, seen: [first] },
      { found: two, seen: tiles },
    ]) {
      expectWithin(
        found.maxima,
        table(1, q, (_, r) => top(r, seen)),
        0,
      );
      // Three additions of a lane, six levels of lanes; what is rescaled has a second exponential, a product and a sum.
      expectWithin(
        found.sums,
        table(1, q, (_, r) => total(r, weight, seen)),
        (r) => 2 * total(r, weightError, seen) + 18 * U * total(r, weight, seen),
      );
    }
    const rise = (r: number): number => top(r, [first]) - top(r, tiles);
    expectWithin(one.rescale, new Float32Array(q), 0);
    expectWithin(
      two.rescale,
      table(1, q, (_, r) => weight(rise(r))),
      (r) => weightError(rise(r)),
    );
  }),
);
