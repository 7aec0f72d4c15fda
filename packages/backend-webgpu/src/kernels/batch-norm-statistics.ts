import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { COLUMNS, GROUP_NUMBER, spread, SUM_OF_LANES } from './groups.ts';

/** Of each column or row: what standardises it, x̂ = (x − mean) · scale. */
export interface Standard {
  readonly means: Rows;
  /** 1 / √(biased variance + ε). */
  readonly scales: Rows;
}

/**
 * Mean and 1/√(biased variance + ε) of each column, and running = (1 − momentum) · running + momentum · value, where the running
 * variance follows the unbiased one, as PyTorch's BatchNorm1d. The variance is taken around the mean in a second walk: E x² − (E x)²
 * would cancel.
 * Shapes: x [n, c], all others [c]. Bindings: n, c, ε, momentum; x, means, scales, running mean, running variance.
 * Dispatch: a workgroup for 16 columns.
 * Source: Ioffe and Szegedy 2015, algorithm 1; the running values as PyTorch's `nn.BatchNorm1d`.
 */
export function batchNormStatistics(
  plan: Plan,
  x: Rows,
  standard: Standard,
  running: { readonly mean: Rows; readonly variance: Rows; readonly epsilon: number; readonly momentum: number },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols, real(running.epsilon), real(running.momentum), real(1 - running.momentum)],
    bindings: [x, standard.means, standard.scales, running.mean, running.variance],
    groups: spread(Math.ceil(x.cols / COLUMNS)),
  });
}

const KERNEL: Kernel = {
  label: 'batch norm statistics',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, epsilon: f32, momentum: f32, kept: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> means: array<f32>;
@group(0) @binding(3) var<storage, read_write> scales: array<f32>;
@group(0) @binding(4) var<storage, read_write> runningMean: array<f32>;
@group(0) @binding(5) var<storage, read_write> runningVariance: array<f32>;
${GROUP_NUMBER}
${SUM_OF_LANES}
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let c = groupNumber(group, groups) * ${COLUMNS}u + local.x;
  let rows = f32(shape.rows);
  let inside = c < shape.cols;
  var sum = 0.0;
  if (inside) {
    for (var r = local.y; r < shape.rows; r += 16u) { sum += x[r * shape.cols + c]; }
  }
  let mean = sumOfLanes(local.x, local.y, sum) / rows;
  var squares = 0.0;
  if (inside) {
    for (var r = local.y; r < shape.rows; r += 16u) {
      let d = x[r * shape.cols + c] - mean;
      squares = fma(d, d, squares);
    }
  }
  let total = sumOfLanes(local.x, local.y, squares);
  if (inside && local.y == 0u) {
    means[c] = mean;
    scales[c] = 1.0 / sqrt(total / rows + shape.epsilon);
    runningMean[c] = fma(shape.momentum, mean, shape.kept * runningMean[c]);
    runningVariance[c] = fma(shape.momentum, total / (rows - 1.0), shape.kept * runningVariance[c]);
  }
}`,
};
