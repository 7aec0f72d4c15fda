import { expect, test } from 'vitest';
import { shuffledItems } from './shuffle.ts';

const blocks = { rows: 10, window: 200 };
const shuffle = { seed: 5, stage: 'mix', items: 4003, blocks };

test('an epoch by blocks has every item once, in an order of its own', () => {
  const [first, second] = [0, 1].map((epoch) => shuffledItems(shuffle, epoch));
  expect(Float64Array.from(first ?? []).sort()).toEqual(Float64Array.from({ length: 4003 }, (_, i) => i));
  expect(second).not.toEqual(first);
  expect(shuffledItems(shuffle, 0)).toEqual(first);
});

test('a window takes few pieces of the file: its blocks, and one that its start and end cut', () => {
  const order = shuffledItems(shuffle, 0);
  for (let start = 0; start < 4003; start += 200) {
    const touched = new Set(order.subarray(start, start + 200).map((item) => Math.floor(item / 10)));
    expect(touched.size).toBeLessThanOrEqual(22); // the short last block shifts the others by up to a block
  }
});

test('neighbours share a batch no more often than the bound says, and others as often as in a full shuffle', () => {
  const batch = 50;
  let [own, other] = [0, 0];
  const epochs = 20;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffledItems({ ...shuffle, items: 4000 }, epoch);
    for (let start = 0; start < 4000; start += batch) {
      const byBlock = new Map<number, number>();
      for (const item of order.subarray(start, start + batch))
        byBlock.set(Math.floor(item / 10), (byBlock.get(Math.floor(item / 10)) ?? 0) + 1);
      for (const count of byBlock.values()) own += count * (count - 1);
      // Items 0 to 9 are block 0 and 1000 to 1009 block 100: two blocks that are not each other's neighbours.
      other += (byBlock.get(0) ?? 0) * (byBlock.get(100) ?? 0);
    }
  }
  const companions = own / (epochs * 4000);
  const bound = (9 * 49) / 199;
  // 800 windows' worth of draws: the standard error of the mean is below 0.01.
  expect(companions).toBeLessThan(bound + 0.04);
  expect(companions).toBeGreaterThan(bound - 0.3); // cut blocks meet less
  // In a full shuffle 10 × 10 pairs each share a batch with probability 49/3999: 1.2 an epoch; blocks share a window in
  // 1 of 20 epochs, and then 10 × 10 × 49/199 = 24.6 pairs do, so the mean of 20 epochs is anywhere from 0 to 6.
  expect(other / epochs).toBeLessThan(7.5);
});
