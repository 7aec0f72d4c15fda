import type { Optimizer } from '@freebind/core';
import type { Program, Value } from './program.ts';

/** What changes from step to step, as numbers that a run is fed. */
export interface AdamInputs {
  /** lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ). */
  readonly rate: Value;
  /** ε · √(1 − β₂ᵗ). */
  readonly floor: Value;
  /** 1 − lr · weightDecay. */
  readonly keep: Value;
}

/** The numbers of `AdamInputs` at update `step`, the first being 1. */
export function adamNumbers(
  { beta1, beta2, epsilon, weightDecay }: Optimizer,
  step: number,
  learningRate: number,
): Readonly<Record<keyof AdamInputs, number>> {
  const root = Math.sqrt(1 - beta2 ** step);
  return {
    rate: (learningRate * root) / (1 - beta1 ** step),
    floor: epsilon * root,
    keep: 1 - learningRate * weightDecay,
  };
}

/** A parameter with its moments. */
export interface Moments {
  readonly value: Value;
  readonly m: Value;
  readonly v: Value;
}

/**
 * Adam (Kingma and Ba, algorithm 1) as PyTorch writes it, ε outside the root, with decoupled decay (AdamW) of matrices:
 *
 *     m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²        w ← w · keep − rate · m / (√v + floor)
 *
 * The bias corrections are brought under one fraction, where they are numbers instead of arrays:
 * lr · (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε) = rate · m / (√v + floor).
 */
export function adam(
  program: Program,
  { value, m, v }: Moments,
  gradient: Value,
  { beta1, beta2, weightDecay }: Optimizer,
  { rate, floor, keep }: AdamInputs,
): Moments {
  const nextM = program.add(program.scale(m, beta1), program.scale(gradient, 1 - beta1));
  const nextV = program.add(program.scale(v, beta2), program.scale(program.square(gradient), 1 - beta2));
  const move = program.mul(program.div(nextM, program.add(program.sqrt(nextV), floor)), rate);
  const kept = weightDecay > 0 && value.shape.length >= 2 ? program.mul(value, keep) : value;
  return { value: program.sub(kept, move), m: nextM, v: nextV };
}
