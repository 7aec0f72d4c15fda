import type { Optimizer } from '@freebind/core';
import type { Store } from './rows.ts';

/** A trained array with its two moments, all updated in place. */
export interface Moved {
  readonly value: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
  readonly gradient: Float64Array;
  /** Arrays of two or more dimensions decay; biases, norms and the temperature do not. */
  readonly decays: boolean;
}

/**
 * Update number `step` (the first is 1) of Adam (Kingma and Ba, algorithm 1) as PyTorch writes it, ε outside the root:
 *
 *     w ← w · (1 − lr · decay)        m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
 *     w ← w − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * The decay is decoupled from the gradient: Loshchilov and Hutter, AdamW.
 */
export function adam(
  { value, m, v, gradient, decays }: Moved,
  { beta1, beta2, epsilon, weightDecay }: Optimizer,
  step: number,
  learningRate: number,
  store: Store,
): void {
  const keep = decays ? 1 - learningRate * weightDecay : 1;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (let i = 0; i < value.length; i++) {
    const g = gradient[i] ?? 0;
    const first = store(beta1 * (m[i] ?? 0) + (1 - beta1) * g);
    const second = store(beta2 * (v[i] ?? 0) + (1 - beta2) * g * g);
    m[i] = first;
    v[i] = second;
    const move = first / correction1 / (Math.sqrt(second / correction2) + epsilon);
    value[i] = store((value[i] ?? 0) * keep - learningRate * move);
  }
}
