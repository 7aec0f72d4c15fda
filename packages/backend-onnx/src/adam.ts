import type { Optimizer } from '@freebind/core';
import type { Graph, Value } from './graph.ts';

/** What changes from step to step, as graph inputs of shape []. */
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
  graph: Graph,
  { value, m, v }: Moments,
  gradient: Value,
  { beta1, beta2, weightDecay }: Optimizer,
  { rate, floor, keep }: AdamInputs,
): Moments {
  const nextM = graph.add(graph.mul(m, graph.scalar(beta1)), graph.mul(gradient, graph.scalar(1 - beta1)));
  const squares = graph.mul(graph.mul(gradient, gradient), graph.scalar(1 - beta2));
  const nextV = graph.add(graph.mul(v, graph.scalar(beta2)), squares);
  const move = graph.mul(graph.div(nextM, graph.add(graph.sqrt(nextV), floor)), rate);
  const kept = weightDecay > 0 && value.shape.length >= 2 ? graph.mul(value, keep) : value;
  return { value: graph.sub(kept, move), m: nextM, v: nextV };
}
