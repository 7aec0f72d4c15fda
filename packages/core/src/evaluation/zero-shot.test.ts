import { ReferenceBackend } from '@freebind/backend-reference';
import { expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { tableOf } from '../table.ts';
import { embedClasses, evaluateZeroShot } from './zero-shot.ts';

const backend = new ReferenceBackend({ precision: 'float64' });
const table = (cols: number, ...data: number[]) =>
  tableOf(matrix(data.length / cols, cols, Float64Array.from(data)), 'p.npy');

test('averages the normalised templates of each class and normalises again', async () => {
  // Class 0: [3, 0] and [0, 0.5] normalise to the axes, whose mean points along [1, 1]. Class 1: one template, [0, −2].
  const classes = await embedClasses(table(2, 3, 0, 0, -2, 0, 0.5), [0, 1, 0]);
  expect(classes.rows).toBe(2);
  const half = Math.SQRT1_2;
  [half, half, 0, -1].forEach((x, i) => expect(classes.data[i]).toBeCloseTo(x, 15));
});

test('counts an item as right when its class is among the nearest k', async () => {
  const report = await evaluateZeroShot({
    items: table(2, 1, 0.1, 1, 0.1, -1, 0.1),
    classes: table(2, 1, 0, 0, 1, -1, 0),
    labels: [0, 1, 1],
    ks: [1, 2],
    backend,
  });
  expect(report).toMatchObject({ items: 3, classes: 3 });
  expect(report.accuracy).toEqual([
    { k: 1, rate: 1 / 3, chance: expect.closeTo(1 / 3, 15) },
    { k: 2, rate: 1, chance: expect.closeTo(2 / 3, 15) },
  ]);
});

test('gives the lower class the tie', async () => {
  const options = { items: table(1, 1), classes: table(1, 1, 1), ks: [1], backend };
  expect((await evaluateZeroShot({ ...options, labels: [0] })).accuracy[0]?.rate).toBe(1);
  expect((await evaluateZeroShot({ ...options, labels: [1] })).accuracy[0]?.rate).toBe(0);
});

test.each([
  ['a label that is no class', { labels: [2] }, /names item 2 as right/],
  ['a label missing', { labels: [] }, /given for 0 queries/],
])('refuses %s', async (_, { labels }, message) => {
  await expect(evaluateZeroShot({ items: table(1, 1), classes: table(1, 1, 1), labels, backend })).rejects.toThrow(
    message,
  );
});

test('refuses prompts that leave a class out, cancel, or are not all assigned', async () => {
  await expect(embedClasses(table(1, 1, 1), [0, 2])).rejects.toThrow(/none for class 1/);
  await expect(embedClasses(table(1, 1, 1), [0])).rejects.toThrow(/2 prompt rows, but classes were given for 1/);
  await expect(embedClasses(table(1, 1, -1), [0, 0])).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/class 0 in p\.npy cancel/),
  });
});
