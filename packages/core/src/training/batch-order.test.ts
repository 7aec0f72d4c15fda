import { expect, test } from 'vitest';
import { random } from '../random.ts';
import { batchOrder, stepsPerEpoch } from './batch-order.ts';

const order = { seed: 3, stage: 'mix', items: 10, batch: 4 } as const;

test('an epoch is the seeded permutation, cut into batches, its short rest dropped', () => {
  const rows = batchOrder(order);
  const permutation = random(3, 'order', 'mix', 0).permutation(10);
  expect(stepsPerEpoch(order)).toBe(2);
  expect([...rows(0), ...rows(1)]).toEqual([...permutation.subarray(0, 8)]);
  expect([...rows(2)]).toEqual([...random(3, 'order', 'mix', 1).permutation(10).subarray(0, 4)]);
});

test('any step can be asked for first', () => {
  const rows = batchOrder(order);
  const seventh = rows(7);
  rows(0);
  expect(rows(7)).toEqual(seventh);
  expect(batchOrder(order)(7)).toEqual(seventh);
});

test('a short rest can be filled up with the first rows of its epoch, none twice', () => {
  const filled = { ...order, shortBatch: 'fill' } as const;
  const rows = batchOrder(filled);
  expect(stepsPerEpoch(filled)).toBe(3);
  expect([...rows(2).subarray(2)]).toEqual([...rows(0).subarray(0, 2)]);
  expect(new Set(rows(2)).size).toBe(4);
  expect(new Set([...rows(0), ...rows(1), ...rows(2)]).size).toBe(10);
});

test('with views, each epoch shows one view of every item', () => {
  const rows = batchOrder({ ...order, batch: 5, views: 3 });
  for (const epoch of [0, 1, 2]) {
    const shown = [...rows(2 * epoch), ...rows(2 * epoch + 1)];
    expect(new Set(shown.map((row) => row % 10)).size).toBe(10);
    expect(Math.max(...shown)).toBeLessThan(30);
  }
  const views = Array.from({ length: 20 }, (_, step) => [...rows(step)])
    .flat()
    .map((row) => Math.floor(row / 10));
  expect(new Set(views)).toEqual(new Set([0, 1, 2]));
});

test('a batch larger than the data is refused', () => {
  expect(() => batchOrder({ ...order, batch: 11 })).toThrow(/batch of 11.*there are 10/);
});
