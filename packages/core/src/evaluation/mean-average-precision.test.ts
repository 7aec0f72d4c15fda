import { ReferenceBackend } from '@freebind/backend-reference';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { averagePrecision, evaluateMultiLabel } from './mean-average-precision.ts';

const backend = new ReferenceBackend({ precision: 'float64' });

/** Σ over thresholds, from the definition: precision and recall of `score >= t` for every distinct t, from high to low. */
function naive(scores: readonly number[], relevant: readonly boolean[]): number {
  const all = relevant.filter(Boolean).length;
  let ap = 0;
  let recallBefore = 0;
  for (const t of [...new Set(scores)].sort((a, b) => b - a)) {
    const taken = scores.map((s) => s >= t);
    const right = relevant.filter((r, i) => r && taken[i]).length;
    ap += (right / all - recallBefore) * (right / taken.filter(Boolean).length);
    recallBefore = right / all;
  }
  return ap;
}

test("gives the figure of the example in scikit-learn's documentation", () => {
  // average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) is 0.83…: ½ · 1 + ½ · ⅔.
  expect(averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBeCloseTo(5 / 6, 15);
});

test('lets items of equal score enter together, in whatever order they stand', () => {
  // All four at one threshold: precision ½ at recall 1.
  expect(averagePrecision([1, 1, 1, 1], [1, 0, 0, 1])).toBe(0.5);
  // 0.9 right, then two tied of which one is right: ½ · 1 + ½ · ⅔.
  expect(averagePrecision([0.5, 0.9, 0.5], [1, 1, 0])).toBeCloseTo(5 / 6, 15);
  expect(averagePrecision([0.5, 0.9, 0.5], [0, 1, 1])).toBeCloseTo(5 / 6, 15);
});

test('is undefined when nothing is relevant', () => {
  expect(averagePrecision([0.1, 0.2], [0, 0])).toBeUndefined();
});

test('agrees with the definition in float64', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { minLength: 1, maxLength: 40 }),
      (cases) => {
        const scores = cases.map(([score]) => score / 7);
        const relevant = cases.map(([, mark]) => mark);
        fc.pre(relevant.includes(true));
        // Up to 7 thresholds, each a few operations at 2⁻⁵³ on numbers up to 1.
        expect(Math.abs((averagePrecision(scores, relevant) ?? NaN) - naive(scores, relevant))).toBeLessThan(2 ** -48);
      },
    ),
    { seed: 1 },
  );
});

test('averages over the classes that some item carries', async () => {
  const items = normalMatrix(30, 5, random('items'));
  const classes = normalMatrix(4, 5, random('classes'));
  const draw = random('labels');
  const labels = Array.from({ length: 30 }, () => [0, 1, 3].filter(() => draw.uniform() < 0.3)); // nobody carries class 2
  const report = await evaluateMultiLabel({ items: tableOf(items), classes: tableOf(classes), labels, backend });
  const cosine = (i: number, c: number): number => {
    const a = Array.from(items.data.subarray(i * 5, i * 5 + 5));
    const b = Array.from(classes.data.subarray(c * 5, c * 5 + 5));
    return a.reduce((sum, x, at) => sum + x * (b[at] ?? 0), 0) / Math.hypot(...a) / Math.hypot(...b);
  };
  const expected = [0, 1, 3].map((c) =>
    naive(
      labels.map((_, i) => cosine(i, c)),
      labels.map((carried) => carried.includes(c)),
    ),
  );
  expect(report.perClass[2]).toBeUndefined();
  [0, 1, 3].forEach((c, at) => expect(report.perClass[c]).toBeCloseTo(expected[at] ?? NaN, 13));
  expect(report.meanAveragePrecision).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 3, 13);
});

test('refuses a NaN score, by number alone and by class and item', async () => {
  expect(() => averagePrecision([0.1, NaN], [0, 1])).toThrow(
    expect.objectContaining({ code: 'FREEBIND_NUMBER_INVALID', message: expect.stringMatching(/Score 1 is NaN/) }),
  );
  const bank = await backend.openBank({ keys: tableOf(matrix(1, 1, Float32Array.of(1))) });
  const broken = Object.assign(Object.create(backend), {
    openBank: async () => ({
      ...bank,
      close: async () => {},
      scores: async () => matrix(1, 2, Float64Array.of(1, NaN)),
    }),
  });
  const one = tableOf(matrix(1, 1, Float32Array.of(1)), 'c.npy');
  const two = tableOf(matrix(2, 1, Float32Array.of(1, 1)), 'i.npy');
  await expect(
    evaluateMultiLabel({ items: two, classes: one, labels: [[0], [0]], backend: broken }),
  ).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/class 0 of c\.npy with item 1 of i\.npy is NaN/),
  });
});

test.each([
  ['a class that is not there', [[1], [0]], /Item 0 carries class 1/],
  ['labels for too few items', [[0]], /2 rows, but labels were given for 1/],
  ['no labels at all', [[], []], /No item carries any class/],
])('refuses %s', async (_, labels, message) => {
  const one = tableOf(matrix(1, 1, Float32Array.of(1)), 'c.npy');
  const two = tableOf(matrix(2, 1, Float32Array.of(1, 1)), 'i.npy');
  await expect(evaluateMultiLabel({ items: two, classes: one, labels, backend })).rejects.toMatchObject({
    code: 'FREEBIND_ARGUMENT_INVALID',
    message: expect.stringMatching(message),
  });
});
