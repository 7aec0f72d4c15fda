import { expect, test } from 'vitest';
import { at, integers, normal, onDevice, room, type RunKernel } from '../../test/run-kernel.ts';
import { topK } from './top-k.ts';

const [q, k] = [3, 5];

/** The best of two tiles, one after the other. */
async function rank(run: RunKernel, tiles: readonly [ReturnType<typeof normal>, ReturnType<typeof normal>]) {
  const [first, second] = tiles;
  const lists = { scores: room(q, k), indices: room(q, k), bestScores: room(q, k), bestIndices: room(q, k) };
  const found = await run({ first, second, ...lists, damaged: integers(1, q, [0, 0, 0]) }, (plan, on) => {
    const known = { scores: on.scores, indices: on.indices };
    const best = { scores: on.bestScores, indices: on.bestIndices };
    const wanted = Math.min(k, first.cols);
    topK(plan, { scores: on.first, start: 0, before: best, known: 0, after: known, wanted, damaged: on.damaged });
    const next = { start: first.cols, before: known, known: wanted, after: best, wanted: k };
    topK(plan, { scores: on.second, ...next, damaged: on.damaged });
  });
  return {
    scores: Array.from(found.bestScores),
    indices: Array.from(new Int32Array(found.bestIndices.slice().buffer)),
    damaged: Array.from(new Int32Array(found.damaged.slice().buffer)),
  };
}

test(
  'the best of all tiles come out in order, and the lower row where scores are equal',
  onDevice(async (run) => {
    // A first tile shorter than k, a second longer than the lanes; few values, so that many are equal.
    const tiles = [normal(q, 3, 'first'), normal(q, 150, 'second')] as const;
    for (const { data } of tiles) data.forEach((x, i) => (data[i] = Math.round(2 * x)));
    const expected = Array.from({ length: q }, (_, r) =>
      tiles
        .flatMap((tile) => Array.from({ length: tile.cols }, (_c, c) => at(tile, r, c)))
        .map((score, row) => ({ score, row }))
        .sort((a, b) => b.score - a.score || a.row - b.row)
        .slice(0, k),
    ).flat();
    const found = await rank(run, [...tiles]);
    expect(found.scores).toEqual(expected.map(({ score }) => score));
    expect(found.indices).toEqual(expected.map(({ row }) => row));
    expect(found.damaged).toEqual([0, 0, 0]);
  }),
);

test(
  'the first row whose score is NaN is told, for each query',
  onDevice(async (run) => {
    const [first, second] = [normal(q, 3, 'first'), normal(q, 150, 'second')];
    second.data[150 + 100] = Number.NaN; // query 1, rows 103 and 133 of the bank
    second.data[150 + 130] = Number.NaN;
    first.data[6] = Number.NaN; // query 2, row 0
    second.data[300] = Number.NaN; // query 2, row 3
    expect((await rank(run, [first, second])).damaged).toEqual([0, 104, 1]);
  }),
);
