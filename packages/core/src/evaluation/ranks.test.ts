import { ReferenceBackend } from '@freebind/backend-reference';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Backend } from '../backend.ts';
import { gatherRows, type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { rankRightItems } from './ranks.ts';

const backend = new ReferenceBackend({ precision: 'float64' });

const rows = (...lines: readonly (readonly number[])[]): Matrix =>
  matrix(lines.length, lines[0]?.length ?? 0, Float64Array.from(lines.flat()));

const rank = (queries: Matrix, gallery: Matrix, right: readonly ArrayLike<number>[], on: Backend = backend) =>
  rankRightItems({ queries: tableOf(queries, 'q.npy'), gallery: tableOf(gallery, 'g.npy'), right, backend: on });

/** A backend whose scores are made up, to see what evaluation does with them. */
const scoring = (scores: (queries: Matrix) => Matrix): Backend => ({
  manifest: backend.manifest,
  openBank: async () => ({
    scores: async (queries) => scores(queries),
    aggregate: () => Promise.reject(new Error('not asked')),
    topK: () => Promise.reject(new Error('not asked')),
    close: async () => {},
  }),
  openProjector: () => Promise.reject(new Error('not asked')),
  openTrainer: () => Promise.reject(new Error('not asked')),
  combine: () => Promise.reject(new Error('not asked')),
  close: async () => {},
});

const rowOf = (m: Matrix, r: number): number[] => Array.from(m.data.subarray(r * m.cols, (r + 1) * m.cols));

const cosine = (a: number[], b: number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0) / Math.hypot(...a) / Math.hypot(...b);

/** Ranks by sorting all cosines in float64, equal scores by index: slow and plain. */
function sortedRanks(queries: Matrix, gallery: Matrix, right: readonly ArrayLike<number>[]): number[] {
  return right.map((items, q) => {
    const scores = Array.from({ length: gallery.rows }, (_, g) => cosine(rowOf(queries, q), rowOf(gallery, g)));
    const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
    return order.findIndex((item) => Array.from(items).includes(item));
  });
}

test('counts the items that come before the right one', async () => {
  // Cosines of [1, 0] with the gallery: 0.8, 1, 0, −1.
  const gallery = rows([4, 3], [2, 0], [0, 1], [-1, 0]);
  const queries = rows([1, 0], [1, 0], [1, 0], [1, 0]);
  expect([...(await rank(queries, gallery, [[0], [1], [2], [3]]))]).toEqual([1, 0, 2, 3]);
});

test('keeps the lower index when scores tie', async () => {
  const gallery = rows([1, 0], [1, 0], [0, 1], [1, 0]);
  const queries = rows([1, 0], [1, 0], [1, 0], [1, 0]);
  expect([...(await rank(queries, gallery, [[0], [1], [3], [3, 1]]))]).toEqual([0, 1, 2, 1]);
});

test('takes the best ranked of several right items', async () => {
  const gallery = rows([0, 1], [1, 0], [1, 1]);
  expect([...(await rank(rows([1, 0.1]), gallery, [[0, 2]]))]).toEqual([1]);
});

test('is blind to the length of rows', async () => {
  const gallery = normalMatrix(20, 6, random('gallery'));
  const queries = normalMatrix(12, 6, random('queries'));
  const right = Array.from({ length: 12 }, (_, i) => [i]);
  const before = await rank(queries, gallery, right);
  const scaled = matrix(
    20,
    6,
    gallery.data.map((x, i) => x * 2 ** (Math.floor(i / 6) % 5)),
  );
  expect(await rank(queries, scaled, right)).toEqual(before);
});

test('agrees with sorting all cosines, for any shapes and any right items', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 2, max: 6 }), // in one dimension every cosine is ±1, and rounding decides what ties
      fc.integer(),
      async (n, m, d, seed) => {
        const draw = random(seed);
        const queries = normalMatrix(n, d, draw);
        const gallery = normalMatrix(m, d, draw);
        const right = Array.from({ length: n }, () => draw.permutation(m).subarray(0, 1 + draw.below(Math.min(m, 3))));
        expect([...(await rank(queries, gallery, right))]).toEqual(sortedRanks(queries, gallery, right));
      },
    ),
    { numRuns: 60, seed: 1 },
  );
});

test('moves a rank under a permuted gallery only where scores tie', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, ties) => {
      const draw = random(seed);
      const queries = normalMatrix(6, 3, draw);
      const distinct = normalMatrix(15, 3, draw);
      // With ties, every row is there three times, so a rank can move by two at most: the copies of the right item.
      const gallery = ties
        ? gatherRows(
            distinct,
            Int32Array.from({ length: 45 }, (_, i) => i % 15),
          )
        : distinct;
      const right = Array.from({ length: 6 }, () => draw.below(gallery.rows));
      const order = draw.permutation(gallery.rows);
      const before = await rank(
        queries,
        gallery,
        right.map((item) => [item]),
      );
      const after = await rank(
        queries,
        gatherRows(gallery, order),
        right.map((item) => [order.indexOf(item)]),
      );
      before.forEach((was, q) => {
        expect(Math.abs(was - (after[q] ?? 0))).toBeLessThanOrEqual(ties ? 2 : 0);
      });
    }),
    { numRuns: 40, seed: 1 },
  );
});

test('gives the same ranks whatever the tiles', async () => {
  // A gallery of 2²⁵ / 3 rows and one more lets only two queries into a tile; scores are made up, so nothing of that size is computed.
  const m = Math.floor(2 ** 25 / 3) + 1;
  const gallery = { ...tableOf(matrix(1, 1, Float32Array.of(1))), rows: m };
  const one = matrix(1024, 1, new Float32Array(1024).fill(1));
  const tall = {
    ...gallery,
    read: async (start: number, end: number) => ({
      ...one,
      rows: end - start,
      data: one.data.subarray(0, end - start),
    }),
  };
  const asked: number[] = [];
  const tiled = scoring((queries) => {
    asked.push(queries.rows);
    const scores = matrix(queries.rows, m);
    for (let q = 0; q < queries.rows; q++) scores.data[q * m + 7] = 1; // item 7 first, the rest tie at zero
    return scores;
  });
  const queries = matrix(5, 1, Float32Array.of(1, 1, 1, 1, 1));
  const ranks = await rankRightItems({
    queries: tableOf(queries),
    gallery: tall,
    right: [[7], [0], [6], [8], [m - 1]],
    backend: tiled,
  });
  expect(asked).toEqual([2, 2, 1]);
  expect([...ranks]).toEqual([0, 1, 7, 8, m - 1]);
});

test('refuses a NaN score with the query and the item', async () => {
  const broken = scoring((queries) => {
    const scores = matrix(queries.rows, 3);
    scores.data[1 * 3 + 2] = NaN;
    return scores;
  });
  await expect(rank(rows([1, 0], [0, 1]), rows([1, 0], [0, 1], [1, 1]), [[0], [0]], broken)).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/query 1 of q\.npy with item 2 of g\.npy is NaN/),
  });
});

test('refuses a NaN score of the right item itself', async () => {
  const broken = scoring((queries) => matrix(queries.rows, 2, new Float32Array(queries.rows * 2).fill(NaN)));
  await expect(rank(rows([1, 0]), rows([1, 0], [0, 1]), [[1]], broken)).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
  });
});

test.each([
  ['a NaN row', [NaN, 1], /Row 1 of g\.npy is not finite \(NaN\)/],
  ['a zero row', [0, 0], /Row 1 of g\.npy is all zeros/],
])('refuses %s before any work', async (_, bad, message) => {
  const untouched = scoring(() => {
    throw new Error('scored');
  });
  await expect(rank(rows([1, 0]), rows([1, 0], bad), [[0]], untouched)).rejects.toThrow(message);
});

test('refuses a zero query with its row', async () => {
  await expect(rank(rows([1, 0], [0, 0]), rows([1, 0]), [[0], [0]])).rejects.toThrow(/Row 1 of q\.npy is all zeros/);
});

test.each([
  ['no right item', [[0], []], /Query 1 of q\.npy has no right item/],
  ['a right item out of range', [[0], [2]], /Query 1 of q\.npy names item 2/],
  ['a right item that is no row number', [[0], [0.5]], /names item 0\.5/],
  ['too few lists', [[0]], /given for 1 queries, but q\.npy has 2 rows/],
])('refuses %s', async (_, right, message) => {
  await expect(rank(rows([1, 0], [0, 1]), rows([1, 0], [0, 1]), right)).rejects.toMatchObject({
    code: 'FREEBIND_ARGUMENT_INVALID',
    message: expect.stringMatching(message),
  });
});

test('refuses tables of two spaces', async () => {
  await expect(rank(rows([1, 0, 0]), rows([1, 0]), [[0]])).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
});

test('stops at an aborted signal', async () => {
  const options = { queries: tableOf(rows([1])), gallery: tableOf(rows([1])), right: [[0]], backend };
  await expect(rankRightItems({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'FREEBIND_ABORTED',
  });
});

test('leaves the tables as they were', async () => {
  const [queries, gallery] = [normalMatrix(3, 4, random('q')), normalMatrix(3, 4, random('g'))];
  const copies = [queries.data.slice(), gallery.data.slice()];
  await rank(queries, gallery, [[0], [1], [2]]);
  expect([queries.data, gallery.data]).toEqual(copies);
});
