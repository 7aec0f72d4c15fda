import { ReferenceBackend } from '@freebind/backend-reference';
import { expect, test } from 'vitest';
import { type Matrix, matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { compareDirections } from './comparison.ts';
import { type DirectionsReport, evaluateDirections } from './directions.ts';
import { measureForgetting } from './forgetting.ts';
import { evaluateRetrieval } from './retrieval.ts';

const backend = new ReferenceBackend({ precision: 'float64' });

/** Items that are alike in every modality up to noise: the more of it, the worse the retrieval. */
function noisy(items: number, noise: number, modalities = ['audio', 'image', 'text']): Record<string, Matrix> {
  const points = normalMatrix(items, 6, random('points', items));
  return Object.fromEntries(
    modalities.map((modality) => {
      const noises = normalMatrix(items, 6, random('noise', modality)).data;
      return [
        modality,
        matrix(
          items,
          6,
          Float64Array.from(points.data, (x, i) => x + noise * (noises[i] ?? 0)),
        ),
      ];
    }),
  );
}
const width = ({ low, high }: { readonly low: number; readonly high: number }): number => high - low;
const evaluate = (modalities: Record<string, Matrix>): Promise<DirectionsReport> =>
  evaluateDirections({ modalities, backend });

test('evaluates every ordered pair of modalities as evaluateRetrieval does', async () => {
  const modalities = noisy(60, 1);
  const { directions, ranks } = await evaluate(modalities);
  expect(directions.map(({ direction }) => direction)).toEqual(
    ['audio→image', 'audio→text', 'image→audio', 'image→text', 'text→audio', 'text→image'], // prettier-ignore
  );
  for (const { query, item, items, recall, medianRank, direction } of directions) {
    const side = (name: string) => tableOf(modalities[name] ?? matrix(0, 0));
    const { queryToItem } = await evaluateRetrieval({ queries: side(query), gallery: side(item), backend });
    expect(items).toBe(queryToItem.items);
    expect(medianRank).toMatchObject({ value: queryToItem.medianRank, chance: 30.5 });
    expect(recall.map(({ k, value }) => [k, value])).toEqual(queryToItem.recall.map(({ k, rate }) => [k, rate]));
    recall.forEach(({ chance }, i) => expect(chance).toBeCloseTo(queryToItem.recall[i]?.chance ?? NaN, 12));
    expect(ranks.get(direction)).toHaveLength(60);
    for (const { value, low, high } of [...recall, medianRank]) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
      expect(high).toBeGreaterThan(low);
    }
  }
});

test('gives the mean over directions, with an interval that draws items and not directions', async () => {
  const { directions, mean } = await evaluate(noisy(60, 1));
  mean.forEach(({ value, k }, i) => {
    const each = directions.map(({ recall }) => recall[i]?.value ?? NaN);
    expect(value, `R@${k}`).toBeCloseTo(each.reduce((a, b) => a + b, 0) / each.length, 12);
  });
  // Modalities that are one and the same: six directions tell no more than one, so the mean's interval is as wide as each.
  const [points] = Object.values(noisy(60, 1, ['audio']));
  if (points === undefined) throw new Error('one modality was made');
  const other = normalMatrix(60, 6, random('other'));
  const twice = await evaluate({ a: points, b: other, c: other, d: other });
  const fromA = twice.directions.filter(({ query }) => query === 'a');
  const [first, ...same] = fromA.map(({ recall }) => recall);
  for (const recall of same) expect(recall).toEqual(first);
});

test('refuses one modality and rows that do not match', async () => {
  const { audio, image } = noisy(6, 1);
  if (audio === undefined || image === undefined) throw new Error('both were made');
  await expect(evaluate({ audio })).rejects.toMatchObject({
    code: 'FREEBIND_ARGUMENT_INVALID',
    message: expect.stringContaining('but audio was given'),
  });
  await expect(evaluate({ audio, image: matrix(5, 6, image.data.slice(0, 30)) })).rejects.toMatchObject({
    code: 'FREEBIND_ROWS_MISALIGNED',
    message: expect.stringContaining('audio 6 (audio), image 5 (image)'),
  });
});

test('finds a real gain beyond noise, and none between a system and itself', async () => {
  const [worse, better] = [await evaluate(noisy(80, 1.5)), await evaluate(noisy(80, 0.7))];
  const gain = compareDirections(worse, better).find(({ direction, k }) => direction === 'mean' && k === 1);
  expect(gain).toMatchObject({ before: worse.mean[0]?.value, after: better.mean[0]?.value, beyondNoise: true });
  expect(gain?.difference.value).toBeCloseTo((better.mean[0]?.value ?? 0) - (worse.mean[0]?.value ?? 0), 12);
  expect(gain?.ratio.low).toBeGreaterThan(1);
  for (const { difference, ratio, beyondNoise } of compareDirections(better, better)) {
    expect(difference).toEqual({ value: 0, low: 0, high: 0 });
    expect(ratio).toEqual({ value: 1, low: 1, high: 1 });
    expect(beyondNoise).toBe(false);
  }
});

test('pairs the items: an interval of the difference is narrower than that of either system', async () => {
  // Both systems have the same noise but for a little, so they mostly find the same items.
  const [a, b] = [await evaluate(noisy(80, 1)), await evaluate(noisy(80, 1.02))];
  const paired = compareDirections(a, b).find(({ direction, k }) => direction === 'mean' && k === 5);
  const alone = a.mean.find(({ k }) => k === 5);
  expect(width(paired?.difference ?? { low: 0, high: 1 })).toBeLessThan(width(alone ?? { low: 0, high: 0 }) / 2);
});

test('refuses to compare reports of other items', async () => {
  const [a, b] = [await evaluate(noisy(20, 1)), await evaluate(noisy(21, 1))];
  expect(() => compareDirections(a, b)).toThrow(expect.objectContaining({ code: 'FREEBIND_ROWS_MISALIGNED' }));
  const other = await evaluate(noisy(20, 1, ['smell', 'touch']));
  expect(() => compareDirections(a, other)).toThrow(expect.objectContaining({ code: 'FREEBIND_ARGUMENT_INVALID' }));
});

test('tells what a bond costs the base space, in its own modalities only', async () => {
  const costs = await measureForgetting({
    before: noisy(80, 0.7, ['image', 'text']),
    after: noisy(80, 1.5),
    backend,
    ks: [1],
  });
  expect(costs.map(({ direction }) => direction)).toEqual(['image→text', 'text→image', 'mean']);
  for (const { difference, beyondNoise } of costs) {
    expect(difference.high).toBeLessThan(0);
    expect(beyondNoise).toBe(true);
  }
});
