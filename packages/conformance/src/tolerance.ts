import type { BackendManifest } from '@freebind/core';

/**
 * How far a backend may be from the float64 oracle. All of it follows from the manifest's `tolerance` t, the largest error
 * of an output of unit scale: a cosine, a coordinate of a unit row, a weighted mean of unit rows.
 */
export interface Tolerances {
  /** t. */
  readonly unit: number;
  /** Half a unit in the last place of 1, in the precision that state is kept in. */
  readonly rounding: number;
  /**
   * Aggregates. At FreeBind's temperature, 0.01, and above they are outputs of unit scale. Below, the error of a score,
   * divided by the temperature, is the relative error of a weight: it grows as 1/τ.
   */
  readonly aggregate: (temperature: number) => number;
  /** The loss in nats: it is a difference of two logits, and a logit is a cosine over τ. */
  readonly loss: (temperature: number) => number;
  /**
   * Gradients, absolute, where `largest` is the largest entry of all gradients of the step. A softmax weight errs by 2t/τ of
   * itself and the rows around it by t; sums that cancel to nothing keep the error of their terms, hence one scale for all.
   */
  readonly gradient: (temperature: number, largest: number) => number;
}

/** @see Tolerances */
export function tolerancesOf({ tolerance, precision }: BackendManifest): Tolerances {
  return {
    unit: tolerance,
    rounding: precision === 'float32' ? 2 ** -24 : 2 ** -53,
    aggregate: (temperature) => tolerance * Math.max(1, 0.01 / temperature),
    loss: (temperature) => tolerance * (1 + 2 / temperature),
    gradient: (temperature, largest) => tolerance * (1 + 2 / temperature) * Math.max(1, largest),
  };
}
