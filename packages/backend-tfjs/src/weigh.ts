import type { Program, Value } from './program.ts';

/**
 * Least weight: of 10⁹ of them, 10⁻¹⁷, nothing is felt by a sum that is at least 1 in float32. Weights of unlike rows go down to
 * subnormal numbers, and each product with one of those may take a hundred times as long. It is added, because the kernel that
 * clips makes numbers of NaN on wasm.
 */
const LEAST = Math.exp(-60);

/** exp of differences to the highest logit, which are at most 0. */
export function weigh(program: Program, difference: Value): Value {
  return program.add(program.exp(difference), program.scalar(LEAST));
}

/** Softmax weights of each row. */
export function weighRows(program: Program, logits: Value): Value {
  return program.add(program.softmax(logits), program.scalar(LEAST));
}
