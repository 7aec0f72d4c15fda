import type { DirectionScores, Estimate } from '@freebind/core';
import type { DirectionResult, Figure } from './result.ts';

/** A direction's scores as a page shows them: recalls at 1, 5 and 10 in percent. */
export function directionResult({ items, recall, medianRank }: DirectionScores): DirectionResult {
  const at = (k: number): { readonly figure: Figure; readonly chance: number } => {
    const found = recall.find((each) => each.k === k) ?? { value: 0, low: 0, high: 0, chance: 0 };
    return { figure: percent(found), chance: tidy(found.chance * 100) };
  };
  const [r1, r5, r10] = [at(1), at(5), at(10)];
  return {
    queries: items,
    gallery: items,
    chance: { r1: r1.chance, r5: r5.chance, r10: r10.chance },
    r1: r1.figure,
    r5: r5.figure,
    r10: r10.figure,
    medianRank: { value: medianRank.value, low: tidy(medianRank.low), high: tidy(medianRank.high) },
  };
}

/** Shares as percentages. */
export function percent({ value, low, high }: Estimate): Figure {
  return { value: tidy(value * 100), low: tidy(low * 100), high: tidy(high * 100) };
}

/** Four decimals: more than any figure here means, and less than where two machines' sums part. */
export function tidy(x: number): number {
  return Number(x.toFixed(4));
}
