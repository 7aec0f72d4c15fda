import { expect, test } from 'vitest';
import { random } from '../random.ts';
import { bootstrapMeans } from './bootstrap.ts';

test('collapses to the mean when all numbers are equal', () => {
  expect(bootstrapMeans([[3, 3, 3, 3]], { seed: 0 })).toEqual([{ level: 0.95, low: 3, high: 3 }]);
});

test('is as wide as the normal approximation says', () => {
  // 400 fair coins: the mean's standard error is 0.5 / 20 = 0.025, so 95 % lies within ±1.96 × 0.025 of the sample's mean.
  // Each end is a 2.5 % quantile of 4000 means; its own standard error is √(.025 · .975 / 4000) / φ(1.96) = 0.042 standard
  // errors, and a mean moves in steps of 1/400 = 0.1 standard errors: four of the first and one step bound the difference.
  const draw = random('coins');
  const coins = Array.from({ length: 400 }, () => (draw.uniform() < 0.5 ? 0 : 1));
  const mean = coins.reduce((a: number, b) => a + b, 0) / 400;
  const error = Math.sqrt((mean * (1 - mean)) / 400);
  const [interval] = bootstrapMeans([coins], { seed: 5, resamples: 4000 });
  for (const end of [interval?.low ?? NaN, interval?.high ?? NaN])
    expect(Math.abs(Math.abs(end - mean) / error - 1.96)).toBeLessThan(4 * 0.042 + 0.1);
});

test('widens with the level', () => {
  const column = Array.from({ length: 50 }, (_, i) => i);
  const [narrow] = bootstrapMeans([column], { seed: 1, level: 0.5 });
  const [wide] = bootstrapMeans([column], { seed: 1, level: 0.99 });
  expect(wide?.low).toBeLessThan(narrow?.low ?? NaN);
  expect(wide?.high).toBeGreaterThan(narrow?.high ?? NaN);
});

test.each([
  { seed: 0, level: 1 },
  { seed: 0, level: NaN },
  { seed: 0, resamples: 1 },
  { seed: 0, resamples: 2.5 },
])('refuses %o', (options) => {
  expect(() => bootstrapMeans([[1]], options)).toThrow(expect.objectContaining({ code: 'FREEBIND_ARGUMENT_INVALID' }));
});
