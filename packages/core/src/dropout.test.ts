import { describe, expect, it } from 'vitest';
import { dropoutKeys, isKept } from './dropout.ts';

const mask = (
  rate: number,
  options: { seed?: number; layer?: number; rows?: number; cols?: number } = {},
): readonly number[] => {
  const { seed = 1, layer = 0, rows = 512, cols = 256 } = options;
  const keys = dropoutKeys({ seed, run: 0, layer, rows, cols, rate });
  return Array.from({ length: rows * cols }, (_, i) => (isKept(keys, Math.floor(i / cols), i % cols) ? 1 : 0));
};
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;

describe('dropout', () => {
  it.each([0.1, 0.5, 0.6, 0.9])('keeps a share of 1 − %d', (rate) => {
    const kept = mask(rate);
    // Five standard deviations of a mean of independent draws.
    expect(Math.abs(mean(kept) - (1 - rate))).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / kept.length));
  });

  it('keeps everything at rate 0', () => {
    expect(mean(mask(0))).toBe(1);
  });

  it('draws rows, columns, layers and seeds independently', () => {
    const [rows, cols] = [512, 256];
    const kept = mask(0.5);
    const correlation = (a: readonly number[], b: readonly number[]): number =>
      4 * mean(a.map((x, i) => (x - 0.5) * ((b[i] ?? 0) - 0.5)));
    const row = (r: number): readonly number[] => kept.slice(r * cols, (r + 1) * cols);
    const column = (c: number): readonly number[] => Array.from({ length: rows }, (_, r) => kept[r * cols + c] ?? 0);
    const rowPairs = Array.from({ length: 500 }, (_, r) => Math.abs(correlation(row(r), row(r + 1))));
    const columnPairs = Array.from({ length: 250 }, (_, c) => Math.abs(correlation(column(c), column(c + 1))));
    // |correlation| of n independent ±1 has mean √(2/πn); the mean over hundreds of pairs stays within a fifth of it.
    expect(mean(rowPairs) * Math.sqrt((Math.PI * cols) / 2)).toBeLessThan(1.2);
    expect(mean(columnPairs) * Math.sqrt((Math.PI * rows) / 2)).toBeLessThan(1.2);
    for (const other of [mask(0.5, { layer: 1 }), mask(0.5, { seed: 2 })]) {
      expect(Math.abs(correlation(kept, other))).toBeLessThan(5 / Math.sqrt(kept.length));
    }
    // Four corners of a rectangle share all their keys; their parity must still be a fair coin.
    const corners = Array.from(
      { length: 255 },
      (_, i) =>
        [i, i + 1].flatMap((r) => [kept[r * cols + i] ?? 0, kept[r * cols + i + 1] ?? 0]).reduce((a, b) => a + b, 0) %
        2,
    );
    expect(Math.abs(mean(corners) - 0.5)).toBeLessThan(5 / Math.sqrt(4 * corners.length));
  });
});
