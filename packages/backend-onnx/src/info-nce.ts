import type { Graph, Value } from './graph.ts';
import { blocksOf, countRows, type Rows, sumRows } from './rows.ts';
import { weigh } from './weigh.ts';
import { paddedWidth } from './widths.ts';

/** What one pair adds to a training step. */
export interface InfoNce {
  /** Sum over the batch of ½ [CE of row i + CE of column i], []. The mean is this over n. */
  readonly loss: Value;
  /** ∂loss/∂x and ∂loss/∂y of that sum, in blocks. */
  readonly gradients: { readonly x: Rows; readonly y: Rows };
  /** ∂loss/∂τ of that sum, []. */
  readonly temperatureGradient: Value;
}

/** Softmaxes of the logits in both directions: P of rows and Q of columns. */
interface Softmaxes {
  /** P + Q in blocks, [b, n]; columns beyond the batch are of no account. */
  readonly both: Rows;
  /** Σ over the batch of ½ (log Σ exp of row i + log Σ exp of column i), []. */
  readonly logSums: Value;
}

/**
 * Largest |logit| at which `infoNce` may share its exponentials, for n rows. One exponential then serves both directions,
 * which saves a quarter of a second of two softmaxes at 4096 rows. Sums of n terms of at most exp(m) must stay below
 * float32's largest number, exp(88.7), and their reciprocals and the smallest term, exp(−m), above its smallest normal
 * one, exp(−87.3): m + log n ≤ 87 does both. At n = 4096 that is every temperature down to 0.0128 between unit rows.
 */
export function largestSharedLogit(n: number): number {
  return 87 - Math.log(n);
}

/**
 * Symmetric InfoNCE between x and y [n, d] with logits z = x·yᵀ/τ. With the softmaxes P of the rows of z and Q of its
 * columns, ∂loss/∂z = ½ (P + Q) − I, so
 *
 *     ∂x = (½ (P + Q) · y − y)/τ        ∂y = (½ (P + Q)ᵀ · x − x)/τ        ∂τ = −Σ (x ∘ ∂x)/τ
 *
 * `shared`: no logit is larger than `largestSharedLogit(n)`.
 */
export function infoNce(graph: Graph, x: Rows, y: Rows, inverseTemperature: Value, shared: boolean): InfoNce {
  const n = countRows(x);
  // Rows of zeros below y make rows of z that do not collide in a cache. They would enter the maxima, so only `shared` has them.
  const columns = shared ? paddedWidth(n) : n;
  const below = new Float32Array((columns - n) * Number(y[0]?.shape[1]));
  const zeros = columns === n ? [] : [graph.constant([columns - n, Number(y[0]?.shape[1])], below)];
  const keys = graph.stack([...y, ...zeros]);
  const scaled = x.map((block) => graph.mul(block, inverseTemperature));
  const logits = scaled.map((block) => graph.gemm(block, keys, { transB: true }));
  const { both, logSums } = shared ? sharedSoftmaxes(graph, logits, n) : shiftedSoftmaxes(graph, logits);

  const positives = scaled.map((block, i) => graph.total(graph.mul(block, y[i] ?? block)));
  const loss = graph.sub(logSums, sum(graph, positives));
  const dx = both.map((weights, i) =>
    graph.mul(graph.gemm(weights, keys, { alpha: 0.5, beta: -1, c: y[i] }), inverseTemperature),
  );
  const pulled = both.reduce<Value | undefined>(
    (sum, weights, i) => graph.gemm(graph.transpose(scaled[i] ?? weights), weights, { alpha: 0.5, c: sum }),
    undefined,
  );
  const turned = pulled && graph.transpose(pulled);
  const dy = blocksOf(n).map(({ start, end }, i) => {
    const block = scaled[i] ?? keys;
    return turned === undefined ? block : graph.sub(graph.rows(turned, start, end), block);
  });
  const along = x.map((block, i) => graph.total(graph.mul(block, dx[i] ?? block)));
  const temperatureGradient = graph.mul(graph.mul(sum(graph, along), inverseTemperature), graph.scalar(-1));
  return { loss, gradients: { x: dx, y: dy }, temperatureGradient };
}

/** E = exp(z), r its row sums and c its column sums: P + Q = E ∘ (1/r + 1/c). */
function sharedSoftmaxes(graph: Graph, logits: Rows, n: number): Softmaxes {
  const columns = Number(logits[0]?.shape[1]);
  const inBatch = graph.constant([columns, 1], new Float32Array(columns).fill(1, 0, n));
  const exps = logits.map((z) => graph.exp(z));
  const rowSums = exps.map((e) => graph.gemm(e, inBatch));
  const columnSums = sumRows(graph, exps);
  const perColumn = graph.reciprocal(columnSums);
  const both = exps.map((e, i) => graph.mul(e, graph.add(graph.reciprocal(rowSums[i] ?? e), perColumn)));
  const logs = [
    ...rowSums.map((r) => graph.total(graph.log(r))),
    graph.total(graph.gemm(graph.log(columnSums), inBatch)),
  ];
  return { both, logSums: graph.mul(sum(graph, logs), graph.scalar(0.5)) };
}

/** For logits of any size: the maximum of each row, and of each column, is taken out before the exponential. */
function shiftedSoftmaxes(graph: Graph, logits: Rows): Softmaxes {
  const rowMaxima = logits.map((z) => graph.reduce('ReduceMax', z, 1));
  const ofRows = logits.map((z, i) => weigh(graph, graph.sub(z, rowMaxima[i] ?? z)));
  const rowSums = ofRows.map((e) => graph.reduce('ReduceSum', e, 1));
  const columnMaxima = logits.map((z) => graph.reduce('ReduceMax', z, 0)).reduce((a, b) => graph.max(a, b));
  const ofColumns = logits.map((z) => weigh(graph, graph.sub(z, columnMaxima)));
  const columnSums = sumRows(graph, ofColumns);
  const perColumn = graph.reciprocal(columnSums);
  const both = logits.map((z, i) => {
    const perRow = graph.reciprocal(rowSums[i] ?? z);
    return graph.add(graph.mul(ofRows[i] ?? z, perRow), graph.mul(ofColumns[i] ?? z, perColumn));
  });
  const logSums = [...rowSums, columnSums].map((s) => graph.total(graph.log(s)));
  const shifts = [...rowMaxima, columnMaxima].map((m) => graph.total(m));
  return { both, logSums: graph.mul(sum(graph, [...logSums, ...shifts]), graph.scalar(0.5)) };
}

function sum(graph: Graph, values: readonly Value[]): Value {
  return values.reduce((a, b) => graph.add(a, b));
}
