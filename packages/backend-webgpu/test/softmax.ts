import { U } from './run-kernel.ts';

/** log Σ exp in float64, of logits = scores / τ. */
export function logSum(logits: readonly number[]): number {
  const most = Math.max(...logits);
  return most + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
}

/**
 * How far a kernel may be from it. An exponential's argument, a difference over τ, is off by 7 u of itself (the difference is rounded,
 * WGSL gives a quotient 2.5 units, 5 u) and the exponential by 3 + 2|x| units; each weighs as its exponential does in the sum. The sum
 * itself is `depth` additions deep; a logarithm is off by 2⁻²¹ near 1 and 3 units elsewhere; the maximum's logit is a quotient again.
 */
export function logSumTolerance(logits: readonly number[], depth: number): number {
  const most = Math.max(...logits);
  const result = logSum(logits);
  const arguments_ = logits.reduce((sum, z) => sum + Math.exp(z - result) * (6 + 11 * (most - z)), 0);
  return (arguments_ + depth + 6 * (result - most) + 5 * Math.abs(most) + 2 * Math.abs(result)) * U + 2 ** -21;
}
