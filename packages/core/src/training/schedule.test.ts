import { expect, test } from 'vitest';
import { alphaAt, FUSEMIX_RATE, rateAt } from './schedule.ts';

test('a constant rate is the same from the first step to the last', () => {
  expect(
    [0, 1000].map((step) => rateAt({ kind: 'constant', rate: 1e-3 }, { step, epoch: step, epochs: 1001 })),
  ).toEqual([1e-3, 1e-3]);
});

test('FuseMix warms up over 100 steps of the first epoch and not beyond its peak', () => {
  const rates = [0, 50, 100, 300].map((step) => rateAt(FUSEMIX_RATE, { step, epoch: 0, epochs: 500 }));
  expect(rates).toEqual([1e-6, 1e-6 + (1e-3 - 1e-6) * 0.5, 1e-3, 1e-3]);
});

test('FuseMix follows a cosine over epochs from the second epoch, whatever the step', () => {
  expect(at(250, 3)).toBeCloseTo(1e-6 + (1e-3 - 1e-6) / 2, 12);
  expect(at(250, 9999)).toBe(at(250, 3));
  // The last epoch is 499 of 500, so the floor is approached and never reached.
  expect(at(499, 0)).toBeGreaterThan(1e-6);
  expect(at(499, 0)).toBeLessThan(2e-6);
});

test('mixup keeps α, or moves it by a cosine or exponentially over epochs', () => {
  expect(alphaAt({ kind: 'constant', alpha: 1 }, { epoch: 7, epochs: 10 })).toBe(1);
  const cosine = { kind: 'cosine', from: 0.2, to: 1 } as const;
  expect([0, 5, 10].map((epoch) => alphaAt(cosine, { epoch, epochs: 10 }))).toEqual([0.2, 0.6, 1].map(closely));
  const exponential = { kind: 'exponential', from: 0.1, to: 10 } as const;
  expect([0, 5, 10].map((epoch) => alphaAt(exponential, { epoch, epochs: 10 }))).toEqual([0.1, 1, 10].map(closely));
});

test('an α of zero is refused', () => {
  expect(() => alphaAt({ kind: 'cosine', from: 1, to: 0 }, { epoch: 0, epochs: 1 })).toThrow(/α is 0/);
});

function at(epoch: number, step: number): number {
  return rateAt(FUSEMIX_RATE, { step, epoch, epochs: 500 });
}

function closely(x: number): unknown {
  return expect.closeTo(x, 12);
}
