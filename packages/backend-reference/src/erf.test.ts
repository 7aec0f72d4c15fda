import { expect, test } from 'vitest';
import { erf, normalCdf, normalPdf } from './erf.ts';

// C's erf (glibc, below one unit in the last place), printed by Python's math.erf with 17 digits.
const KNOWN: readonly (readonly [number, number])[] = [
  [1e-10, 1.1283791670955126e-10],
  [0.001, 0.0011283787909692365],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [0.84375, 0.7672256612323416],
  [1.0, 0.8427007929497149],
  [1.25, 0.9229001282564582],
  [2.0, 0.9953222650189527],
  [2.857, 0.9999466417399131],
  [3.5, 0.9999992569016276],
  [5.0, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [7.0, 1.0],
];

// Two roundings in each of up to a hundred terms of one sign, seldom all in one direction.
const TOLERANCE = 8 * 2 ** -52;

test.each(KNOWN)('gives erf(%f) to a few units in the last place', (x, expected) => {
  expect(Math.abs(erf(x) / expected - 1)).toBeLessThan(TOLERANCE);
  expect(erf(-x)).toBe(-erf(x));
});

test('keeps zero, its sign and NaN', () => {
  expect(erf(0)).toBe(0);
  expect(erf(-0)).toBe(-0);
  expect(erf(Number.NaN)).toBeNaN();
  expect(erf(Number.POSITIVE_INFINITY)).toBe(1);
});

test('is the distribution whose derivative is the density', () => {
  const h = 1e-5;
  for (const x of [-3, -1, -0.1, 0, 0.7, 2]) {
    // Central differences err by h² and by 2⁻⁵³/h.
    expect(Math.abs((normalCdf(x + h) - normalCdf(x - h)) / (2 * h) - normalPdf(x))).toBeLessThan(1e-10);
  }
});
