import type { Graph, Value } from './graph.ts';

/** exp(−60) = 9 · 10⁻²⁷: of 10⁹ such weights, the sum is below the rounding of a sum that is at least 1 in float32. */
const LEAST_EXPONENT = -60;

/**
 * exp of differences to the highest logit, or to one at least as high: they begin at 0 and go down without end. Below −87 float32 has
 * but subnormal numbers for it, and each product with one may take a hundred times as long. The option of onnxruntime that takes
 * them for zero (`session-worker.js`) reaches its own threads, and the calling one of the process's first session alone.
 */
export function weigh(graph: Graph, difference: Value): Value {
  return graph.exp(graph.max(difference, graph.scalar(LEAST_EXPONENT)));
}
