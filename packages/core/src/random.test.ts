import { describe, expect, it } from 'vitest';
import { random } from './random.ts';

describe('random', () => {
  it('gives the numbers it has always given', () => {
    // Recorded from this implementation: a run is a function of its seed, so these may never change.
    const r = random(1, 'order', 0);
    expect([r.uint32(), r.uint32(), r.uint32()]).toEqual([3532096858, 2752276351, 2465273177]);
  });

  it('tells paths apart, also where their text joins alike', () => {
    expect(random(1, 'a', 23).uint32()).not.toBe(random(1, 'a', 2, 3).uint32());
    expect(random('a', 'b').uint32()).not.toBe(random('ab').uint32());
  });

  it('permutes: every number once, and not in place', () => {
    const order = random(7).permutation(1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    // A random permutation of 1000 has Poisson(1) fixed points; 10 or more has probability 1e-7.
    expect(order.filter((x, i) => x === i).length).toBeLessThan(10);
  });

  it.each([0.2, 1, 3])('draws beta(%d) with its mean and variance', (alpha) => {
    const n = 20_000;
    const r = random('beta', alpha);
    const draws = Array.from({ length: n }, () => r.beta(alpha));
    const mean = draws.reduce((a, b) => a + b, 0) / n;
    const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    const expected = 1 / (4 * (2 * alpha + 1));
    // Five standard errors of the mean; the variance's relative error is below 5·√(2/n) for these light-tailed shapes.
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / n));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThanOrEqual(1);
  });

  it('draws normals with mean 0, variance 1 and the right tail', () => {
    const n = 50_000;
    const r = random('normal');
    const draws = Array.from({ length: n }, () => r.normal());
    const mean = draws.reduce((a, b) => a + b, 0) / n;
    const variance = draws.reduce((a, b) => a + b * b, 0) / n;
    const tail = draws.filter((x) => Math.abs(x) > 1.959964).length / n;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(tail - 0.05)).toBeLessThan(5 * Math.sqrt((0.05 * 0.95) / n));
  });
});
