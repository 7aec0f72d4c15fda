import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import type { Standard } from './batch-norm-statistics.ts';
import { GROUP_NUMBER, LANES, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * y = (x − mean) / √(biased variance + ε) · weight + bias, mean and variance of each row; both are kept for the way back.
 * Shapes: x, y [n, c], weight, bias [c], means, scales [n]. Bindings: n, c, ε; x, weight, bias, y, means, scales.
 * Dispatch: a workgroup a row.
 * Source: Ba et al. 2016, section 3, with ε as PyTorch's `nn.LayerNorm`.
 */
export function layerNorm(
  plan: Plan,
  {
    x,
    weight,
    bias,
    y,
    standard,
    epsilon,
  }: { x: Rows; weight: Rows; bias: Rows; y: Rows; standard: Standard; epsilon: number },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols, real(epsilon)],
    bindings: [x, weight, bias, y, standard.means, standard.scales],
    groups: spread(x.rows),
  });
}

const KERNEL: Kernel = {
  label: 'layer norm',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> means: array<f32>;
@group(0) @binding(6) var<storage, read_write> scales: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  let cols = f32(shape.cols);
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { sum += x[start + c]; }
  let mean = sumOfGroup(lane, sum) / cols;
  var squares = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { let d = x[start + c] - mean; squares = fma(d, d, squares); }
  let scale = 1.0 / sqrt(sumOfGroup(lane, squares) / cols + shape.epsilon);
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    y[start + c] = fma((x[start + c] - mean) * scale, weight[c], bias[c]);
  }
  if (lane == 0u) {
    means[r] = mean;
    scales[r] = scale;
  }
}`,
};
