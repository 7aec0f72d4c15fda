import { columnLogSums } from './kernels/column-log-sums.ts';
import { infoNceGradient } from './kernels/info-nce-gradient.ts';
import { infoNceLoss } from './kernels/info-nce-loss.ts';
import { matmul } from './kernels/matmul.ts';
import { rowLogSums } from './kernels/row-log-sums.ts';
import { weightedSum } from './kernels/weighted-sum.ts';
import type { Memory } from './memory.ts';
import type { Plan } from './plan.ts';
import { ROW_ALIGNMENT, type Rows, sliceOf } from './rows.ts';

/**
 * Scores that are on the device at once, 64 MiB. They hold all of a batch of 4096 (FreeBind's), whose scores are then computed
 * once; of larger batches a strip of rows, computed once for the sums and once for the gradients, a third more work in all.
 */
export const STRIP_NUMBERS = 2 ** 24;

/** Where the gradient of one side goes. */
export interface SideGradient {
  readonly into: Rows;
  /** Onto what other pairs put there. */
  readonly add: boolean;
}

/** One pair of an objective, to be recorded. */
export interface PairOfRows {
  readonly x: Rows;
  readonly y: Rows;
  /** Of the sides that a network gave. */
  readonly dx: SideGradient | undefined;
  readonly dy: SideGradient | undefined;
  /** [1]. */
  readonly temperature: Rows;
  /** Of the loss, [1]. */
  readonly temperatureGradient: Rows;
  /** [2]; the loss is the first. */
  readonly results: Rows;
  /** Of this pair in the loss. */
  readonly share: number;
  /** What all gradients are multiplied by. */
  readonly scale: number;
  readonly isFirst: boolean;
}

/**
 * Records symmetric InfoNCE: with scores s = x · yᵀ, logits s/τ and the softmaxes P of their rows and Q of their columns,
 *
 *     loss = mean ½ [log Σ exp of row i + log Σ exp of column i] − sᵢᵢ/τ        ∂s = (P + Q − 2·I)/(2nτ)        ∂x = ∂s · y, ∂y = ∂sᵀ · x
 *
 * The [n, n] scores are never whole: strips of rows go by, twice. In the first walk a row's sum is complete at once and a
 * column's is a running maximum and sum; in the second each strip becomes its part of ∂s, which gives its rows of ∂x and is added
 * to ∂y. So memory is the strip's, O(n), beside x and y, and a batch that fits into one strip is the materialised form: its
 * scores stay and are not computed again.
 */
export function infoNce(plan: Plan, memory: Memory, pair: PairOfRows, stripNumbers = STRIP_NUMBERS): void {
  const { x, y, dx, temperature, share, scale } = pair;
  const n = x.rows;
  // A run against itself: while strips go by, ∂y has no whole rows to be added to.
  const apart = dx && dx.into === pair.dy?.into ? memory.take('∂y', n, y.cols) : undefined;
  const dy = apart ? { into: apart, add: false } : pair.dy;
  const [rowSums, columnSums, maxima] = [1, 2, 3].map(() => memory.take('sums', 1, n)) as [Rows, Rows, Rows]; // three of three
  const [positives, products] = [memory.take('positives', 1, n), memory.take('products', 1, n)];
  const height = stripHeight(n, stripNumbers);
  const strip = memory.take('scores', height, n);
  const starts = Array.from({ length: Math.ceil(n / height) }, (_, i) => i * height);
  const scoresOf = (first: number): Rows => sliceOf(strip, 0, Math.min(height, n - first));
  const multiply = (first: number): void =>
    matmul(plan, { a: sliceOf(x, first, first + scoresOf(first).rows), b: y, transposeB: true, out: scoresOf(first) });

  for (const first of starts) {
    const scores = scoresOf(first);
    multiply(first);
    rowLogSums(plan, { scores, temperature, sums: rowSums, positives, first });
    const place = { isFirst: first === 0, isLast: first === starts.at(-1) };
    columnLogSums(plan, { scores, temperature, maxima, sums: columnSums, ...place });
  }
  for (const first of starts) {
    const scores = scoresOf(first);
    if (starts.length > 1) multiply(first);
    infoNceGradient(plan, { scores, temperature, rowSums, columnSums, products, first, share: share * scale });
    const end = first + scores.rows;
    if (dx) matmul(plan, { a: scores, b: y, out: sliceOf(dx.into, first, end), add: dx.add });
    if (dy) {
      const add = dy.add || first > 0;
      matmul(plan, { a: scores, transposeA: true, b: sliceOf(x, first, end), out: dy.into, add });
    }
  }
  if (dx && apart) {
    weightedSum(plan, { a: 1, x: apart, sum: dx.into });
    memory.giveBack(apart);
  }
  const { results, temperatureGradient: gradient, isFirst } = pair;
  infoNceLoss(plan, { rowSums, columnSums, positives, products, temperature, results, gradient, share, isFirst });
  for (const rows of [rowSums, columnSums, maxima, positives, products, strip]) memory.giveBack(rows);
}

/** Rows of a strip: all, or a multiple of what a piece of rows may start at. */
function stripHeight(n: number, numbers: number): number {
  const fitting = Math.floor(numbers / n);
  return fitting >= n ? n : Math.max(1, Math.floor(fitting / ROW_ALIGNMENT)) * ROW_ALIGNMENT;
}
