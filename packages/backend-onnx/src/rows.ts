import type { Graph, Value } from './graph.ts';

/**
 * A batch in a graph: blocks of rows, one below the other. A block's activations stay in the caches from one node to the
 * next: elementwise nodes are three times as fast as on a whole batch of 4096 rows, and GEMMs a quarter.
 */
export type Rows = readonly Value[];

/**
 * Most rows of a block. Fewer would fill caches less, and read and write the gradients of weights, which are summed over blocks,
 * more often: a step of FreeBind takes 1.39 s of one core at 1032 rows, 1.30 s at 696, 1.35 s at 528 and 1.37 s at 264.
 */
export const BLOCK_ROWS = 792;
/** Most blocks of a batch, above 101,376 rows: onnxruntime takes time in the square of a graph's nodes to prepare it. */
const MOST_BLOCKS = 128;
/** Two threads of the twelve rows that a GEMM kernel takes at once. No multiple of it below 3072 is one of 1024 (`paddedWidth`). */
const ROW_STEP = 24;

/** Rows of each of as few parts of `n` rows as can be, of `most` rows at most and all about as long. */
export function evenRows(n: number, most: number): number {
  return Math.ceil(n / Math.ceil(n / most) / ROW_STEP) * ROW_STEP;
}

/** Where the blocks of `n` rows start and end. */
export function blocksOf(n: number): readonly { readonly start: number; readonly end: number }[] {
  const rows = evenRows(n, Math.max(BLOCK_ROWS, n / MOST_BLOCKS));
  return Array.from({ length: Math.ceil(n / rows) }, (_, i) => ({ start: i * rows, end: Math.min((i + 1) * rows, n) }));
}

/** Rows of all blocks together. */
export function countRows(rows: Rows): number {
  return rows.reduce((sum, block) => sum + Number(block.shape[0]), 0);
}

/** Sums over rows: [n, d] → [1, d], added to `sum`. A product with ones, because GEMM reduces the first axis fastest. */
export function sumRows(graph: Graph, rows: Rows, sum?: Value): Value {
  const [first, ...others] = rows;
  if (first === undefined) throw new Error('A batch has no rows.');
  const ones = graph.constant([1, Number(first.shape[0])], new Float32Array(Number(first.shape[0])).fill(1));
  const next = graph.gemm(ones, first, { c: sum });
  return others.length === 0 ? next : sumRows(graph, others, next);
}

/** Σ over columns of a ∘ b: [n, d] → [n, 1]. */
export function dotRows(graph: Graph, a: Value, b: Value): Value {
  return graph.reduce('ReduceSum', graph.mul(a, b), 1);
}
