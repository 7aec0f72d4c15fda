import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { GROUP_NUMBER, LANES, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * Turns a strip of scores s = x · yᵀ, in place, into ∂loss/∂s = (P + Q − 2·I) · share / (2nτ) with the softmaxes P of the rows and
 * Q of the columns, and keeps Σⱼ ∂loss/∂sⱼ · sⱼ of each row, of which −1/τ times the sum is ∂loss/∂τ.
 * Shapes: scores [b, n], rows `first` to first + b of the batch; temperature [1], rowSums, columnSums (log Σ exp), products [n].
 * Bindings: b, n, first, share / 2n; scores, temperature, row sums, column sums, products. Dispatch: a workgroup a row.
 * Source: the derivative of the symmetric loss of CLIP (Radford et al. 2021, figure 3), which FreeBind's and FuseMix's are.
 */
export function infoNceGradient(
  plan: Plan,
  strip: {
    readonly scores: Rows;
    readonly temperature: Rows;
    readonly rowSums: Rows;
    readonly columnSums: Rows;
    readonly products: Rows;
    readonly first: number;
    readonly share: number;
  },
): void {
  const { scores, temperature, rowSums, columnSums, products, first, share } = strip;
  plan.dispatch({
    kernel: KERNEL,
    numbers: [scores.rows, scores.cols, first, real(share / (2 * scores.cols))],
    bindings: [scores, temperature, rowSums, columnSums, products],
    groups: spread(scores.rows),
  });
}

const KERNEL: Kernel = {
  label: 'InfoNCE gradient',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, first: u32, weight: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read> rowSums: array<f32>;
@group(0) @binding(4) var<storage, read> columnSums: array<f32>;
@group(0) @binding(5) var<storage, read_write> products: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
// A softmax weight, from a logit less its log sum: at most 1 but for rounding.
fn weightOf(x: f32) -> f32 {
  return select(exp(x), 0.0, x < -103.0);
}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  let row = shape.first + r;
  let tau = temperature[0];
  let rowSum = rowSums[row];
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    let s = scores[start + c];
    let z = s / tau;
    let both = weightOf(z - rowSum) + weightOf(z - columnSums[c]) - select(0.0, 2.0, c == row);
    let g = shape.weight * both / tau;
    scores[start + c] = g;
    sum = fma(g, s, sum);
  }
  sum = sumOfGroup(lane, sum);
  if (lane == 0u) { products[row] = sum; }
}`,
};
