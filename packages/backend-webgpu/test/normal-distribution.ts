/** φ(x) = e^(−x²/2)/√(2π) in float64. */
export function density(x: number): number {
  return Math.exp(-x * x * 0.5) / Math.sqrt(2 * Math.PI);
}

/** Φ(x) = ½ + φ(x) · Σ x^(2k+1)/(1·3·…·(2k+1)), Marsaglia's series (2004): to about 1e-15 for |x| ≤ 6. */
export function distribution(x: number): number {
  let term = x;
  let total = x;
  for (let k = 1; k < 120; k++) {
    term *= (x * x) / (2 * k + 1);
    total += term;
  }
  return 0.5 + density(x) * total;
}

/**
 * How far `kernels/normal-cdf.ts` may be from Φ: 7.5e-8 of the formula; Horner's five fma, twice rounded each, on terms of at most
 * 4.5 together, halved, 23 u; t, a quotient (2.5 units) of a rounded sum, 7 u, times at most 16/2, 56 u; the exponential, which WGSL
 * allows 3 + 2z² units, 5 u.
 */
export const DISTRIBUTION_ERROR = 7.5e-8 + 84 * 2 ** -24;
