import type { Program, Value } from './program.ts';

/** Rows of a batch, one below the other: kernels see one block at a time, so what they need beside it is small however long the batch is. */
export type Blocks = readonly Value[];

/** Rows of a block, at most: products of as many rows run at the runtime's full rate, and a FreeBind batch is one block. */
export const BLOCK = 4096;

/** Rows `start` to `end` (exclusive). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** 0 to n in as few spans of at most `most` as can be, all about as long. */
export function spansOf(n: number, most: number): readonly Span[] {
  const size = Math.ceil(n / Math.ceil(n / most));
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => ({ start: i * size, end: Math.min((i + 1) * size, n) }));
}

/** Where each of `blocks` lies in the batch. */
export function placesOf(blocks: Blocks): readonly Span[] {
  let end = 0;
  return blocks.map((block) => ({ start: end, end: (end += rowsIn(block)) }));
}

export const rowsIn = (block: Value): number => Number(block.shape[0]);
export const rowsOf = (blocks: Blocks): number => blocks.reduce((rows, block) => rows + rowsIn(block), 0);

/** f of each block of `a` and the same of `b`. */
export function blockwise(f: (a: Value, b: Value) => Value, a: Blocks, b: Blocks): Blocks {
  return a.map((block, i) => f(block, b[i] ?? block));
}

/** Of each column of a batch of n rows: the mean of f of its blocks, [1, d]. */
export function meanOfColumn(
  program: Program,
  blocks: Blocks,
  f: (block: Value, i: number) => Value = (block) => block,
): Value {
  const n = rowsOf(blocks);
  return program.sum(blocks.map((block, i) => program.scale(program.meanOfColumn(f(block, i)), rowsIn(block) / n)));
}
