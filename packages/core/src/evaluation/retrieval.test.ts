import { ReferenceBackend } from '@freebind/backend-reference';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { evaluateRetrieval, type RetrievalOptions, type RetrievalScores } from './retrieval.ts';

const backend = new ReferenceBackend({ precision: 'float64' });

const rows = (...lines: readonly (readonly number[])[]): Matrix =>
  matrix(lines.length, lines[0]?.length ?? 0, Float64Array.from(lines.flat()));

const evaluate = (queries: Matrix, gallery: Matrix, options: Partial<RetrievalOptions> = {}) =>
  evaluateRetrieval({ queries: tableOf(queries, 'q.npy'), gallery: tableOf(gallery, 'g.npy'), backend, ...options });

const rates = ({ recall }: RetrievalScores): number[] => recall.map(({ rate }) => rate);

test('gives the figures of a case worked by hand', async () => {
  // Cosines, rounded:  g0 [1,0]  g1 [0,1]  g2 [-1,0]
  //   q0 [1,0]            1        0         -1        right g0: rank 1
  //   q1 [3,1]            .95      .32       -.95      right g1: rank 2
  //   q2 [1,2]            .45      .89       -.45      right g2: rank 3
  // and the other way:  g0 ranks q0 1st;  g1 ranks q2, q1, q0: 2nd;  g2 ranks q2 (-.45) 1st.
  const report = await evaluate(rows([1, 0], [3, 1], [1, 2]), rows([1, 0], [0, 1], [-1, 0]), { ks: [1, 2, 5] });
  expect(report.queryToItem).toMatchObject({ queries: 3, items: 3, medianRank: 2, meanRank: 2 });
  expect(rates(report.queryToItem)).toEqual([1 / 3, 2 / 3, 1]);
  expect(report.queryToItem.meanReciprocalRank).toBeCloseTo((1 + 1 / 2 + 1 / 3) / 3, 15);
  expect(report.itemToQuery).toMatchObject({ medianRank: 1, meanRank: 4 / 3 });
  expect(rates(report.itemToQuery)).toEqual([2 / 3, 1, 1]);
  expect(report.queryToItem.recall.map(({ chance }) => chance)).toEqual([
    expect.closeTo(1 / 3, 15),
    expect.closeTo(2 / 3, 15),
    1,
  ]);
});

test('takes an item as found when any of its captions is', async () => {
  // Captions 0 and 1 belong to item 0, captions 2 and 3 to item 1. Caption 0 points at item 1, caption 1 at item 0.
  const captions = rows([0, 1], [1, 0], [0.6, 0.8], [0.8, 0.6]);
  const report = await evaluate(captions, rows([1, 0], [0, 1]), {
    pairs: [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
    ],
    ks: [1, 2],
  });
  // Captions: 0 wrong, 1 right, 2 right (.8 against .6), 3 wrong.
  expect(rates(report.queryToItem)).toEqual([1 / 2, 1]);
  // Item 0 finds caption 1 first; item 1 finds caption 0 (wrong), then caption 2.
  expect(report.itemToQuery).toMatchObject({ queries: 2, items: 4, meanRank: 1.5 });
  expect(rates(report.itemToQuery)).toEqual([1 / 2, 1]);
  // Two right ones among four: 1/2 at one, 1 − C(2,2)/C(4,2) = 5/6 at two.
  expect(report.itemToQuery.recall.map(({ chance }) => chance)).toEqual([1 / 2, expect.closeTo(5 / 6, 15)]);
});

test('keeps unpaired gallery rows as distractors', async () => {
  const report = await evaluate(rows([1, 0.1], [0, 1]), rows([1, 0.1], [1, 0], [0.1, 1]), {
    pairs: [
      [0, 1],
      [1, 2],
    ],
    ks: [1],
  });
  expect(report.queryToItem).toMatchObject({ queries: 2, items: 3, meanRank: 1.5 });
  expect(report.itemToQuery).toMatchObject({ queries: 2, items: 2, meanRank: 1 });
});

test('reports progress over both directions', async () => {
  const marks: [number, number][] = [];
  await evaluate(rows([1, 0], [0, 1]), rows([1, 0], [0, 1]), { onProgress: (...mark) => marks.push(mark) });
  expect(marks).toEqual([
    [2, 4],
    [4, 4],
  ]);
});

test('never loses recall as k grows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 2, max: 20 }), async (seed, n) => {
      const draw = random(seed);
      const ks = Array.from({ length: n }, (_, i) => i + 1);
      const report = await evaluate(normalMatrix(n, 3, draw), normalMatrix(n, 3, draw), { ks });
      for (const scores of [report.queryToItem, report.itemToQuery]) {
        const found = rates(scores);
        expect(found).toEqual([...found].sort((a, b) => a - b));
        expect(found.at(-1)).toBe(1);
      }
    }),
    { numRuns: 30, seed: 1 },
  );
});

/** The least and the most hits of a binomial (n, p) that leave at most `tail` outside on each side. */
function binomialRange(n: number, p: number, tail: number): { least: number; most: number } {
  let log = n * Math.log1p(-p);
  let below = 0;
  let least = -1;
  for (let hits = 0; ; hits++) {
    below += Math.exp(log);
    if (least < 0 && below > tail) least = hits;
    if (1 - below < tail) return { least, most: hits };
    log += Math.log((n - hits) / (hits + 1)) + Math.log(p / (1 - p));
  }
}

test('finds random rows as often as chance says', async () => {
  // Queries are independent of the gallery and of each other, so hits are binomial with the chance that is reported.
  const n = 600;
  const draw = random('chance');
  const pairs = Array.from({ length: n }, (_, query): [number, number] => [query, draw.below(50)]);
  const { queryToItem } = await evaluate(normalMatrix(n, 8, draw), normalMatrix(50, 8, draw), { pairs });
  for (const { k, rate, chance } of queryToItem.recall) {
    expect(chance).toBeCloseTo(k / 50, 12);
    const { least, most } = binomialRange(n, chance, 1e-4);
    expect(rate * n).toBeGreaterThanOrEqual(least - 1e-9);
    expect(rate * n).toBeLessThanOrEqual(most + 1e-9);
  }
});

test('repeats an interval under one seed, and puts it around the rate', async () => {
  const draw = random('interval');
  const [queries, gallery] = [normalMatrix(60, 4, draw), normalMatrix(60, 4, draw)];
  const once = await evaluate(queries, gallery, { interval: { seed: 1, resamples: 200 } });
  expect(await evaluate(queries, gallery, { interval: { seed: 1, resamples: 200 } })).toEqual(once);
  expect(await evaluate(queries, gallery, { interval: { seed: 2, resamples: 200 } })).not.toEqual(once);
  for (const { rate, interval } of once.queryToItem.recall) {
    expect(interval?.level).toBe(0.95);
    expect(interval?.low).toBeLessThanOrEqual(rate);
    expect(interval?.high).toBeGreaterThanOrEqual(rate);
  }
});

test('refuses tables of different rows without pairs, and says what to give', async () => {
  await expect(evaluate(rows([1], [1]), rows([1]))).rejects.toMatchObject({
    code: 'FREEBIND_ROWS_MISALIGNED',
    message: expect.stringMatching(/q\.npy has 2 rows and g\.npy has 1.*pairs/),
  });
});

test.each([
  [
    'a query out of range',
    [
      [0, 0],
      [2, 1],
    ],
    /Pair 1, \[2, 1\], names row 2 of q\.npy/,
  ],
  [
    'an item out of range',
    [
      [0, 0],
      [1, -1],
    ],
    /names row -1 of g\.npy/,
  ],
  [
    'a pair given twice',
    [
      [0, 0],
      [1, 1],
      [0, 0],
    ],
    /Pair 2, \[0, 0\], was given before/,
  ],
  ['a query without a right item', [[0, 0]], /Query 1 of q\.npy has no right item/],
] satisfies [string, [number, number][], RegExp][])('refuses %s', async (_, pairs, message) => {
  await expect(evaluate(rows([1], [1]), rows([1], [1]), { pairs })).rejects.toMatchObject({
    code: 'FREEBIND_ARGUMENT_INVALID',
    message: expect.stringMatching(message),
  });
});

test.each([[[]], [[0]], [[1, 1]], [[2.5]]])('refuses recall at k = %j', async (ks) => {
  await expect(evaluate(rows([1]), rows([1]), { ks })).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
});
