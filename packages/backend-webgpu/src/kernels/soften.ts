import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { EXP_BELOW, GROUP_NUMBER, LANES, LOWEST, MAX_OF_GROUP, spread, SUM_OF_GROUP } from './groups.ts';

/** What a block of queries knows of the bank so far. */
export interface Softened {
  /** The highest score of each query. */
  readonly maxima: Rows;
  /** Σ exp((score − maximum)/τ). */
  readonly sums: Rows;
  /** exp((old maximum − new)/τ) of the last tile: what older weighted sums are to be multiplied by. */
  readonly rescale: Rows;
}

/**
 * A tile of the bank in a softmax that is never whole: turns scores, in place, into exp((score − m)/τ) with the running maximum m of
 * each query, and takes them into the running sum.
 * Shapes: scores [q, t], maxima, sums, rescale [q]. Bindings: q, t, whether the tile is the first, 1/τ; scores, maxima, sums,
 * rescale. Dispatch: a workgroup a query.
 * Source: Milakov and Gimelshein 2018, algorithm 3; FlashAttention (Dao et al. 2022), algorithm 1.
 */
export function soften(
  plan: Plan,
  scores: Rows,
  { maxima, sums, rescale }: Softened,
  { coldness, isFirst }: { readonly coldness: number; readonly isFirst: boolean },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [scores.rows, scores.cols, Number(isFirst), real(coldness)],
    bindings: [scores, maxima, sums, rescale],
    groups: spread(scores.rows),
  });
}

const KERNEL: Kernel = {
  label: 'soften',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, isFirst: u32, coldness: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> maxima: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> rescale: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
${MAX_OF_GROUP}
${EXP_BELOW}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  let before = select(maxima[r], ${LOWEST}, shape.isFirst != 0u);
  var most = before;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { most = max(most, scores[start + c]); }
  most = maxOfGroup(lane, most);
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    let weight = expBelow((scores[start + c] - most) * shape.coldness);
    scores[start + c] = weight;
    sum += weight;
  }
  sum = sumOfGroup(lane, sum);
  if (lane == 0u) {
    var factor = 0.0;
    if (shape.isFirst == 0u) { factor = expBelow((before - most) * shape.coldness); }
    maxima[r] = most;
    sums[r] = select(fma(sums[r], factor, sum), sum, shape.isFirst != 0u);
    rescale[r] = factor;
  }
}`,
};
