import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import type { Standard } from './batch-norm-statistics.ts';
import { GROUP_NUMBER, LANES, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * ∂x = scale · (∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ ∘ x̂)), ∂x̂ = ∂y ∘ weight, means over the row.
 * Shapes: x, ∂y, ∂x [n, c], weight [c], means, scales [n]. Bindings: n, c; x, ∂y, weight, means, scales, ∂x.
 * Dispatch: a workgroup a row.
 * Source: the derivative of Ba et al. 2016, section 3.
 */
export function layerNormBackward(
  plan: Plan,
  { x, dy, weight, standard, dx }: { x: Rows; dy: Rows; weight: Rows; standard: Standard; dx: Rows },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols],
    bindings: [x, dy, weight, standard.means, standard.scales, dx],
    groups: spread(x.rows),
  });
}

const KERNEL: Kernel = {
  label: 'layer norm backward',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> means: array<f32>;
@group(0) @binding(5) var<storage, read> scales: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  let cols = f32(shape.cols);
  let mean = means[r];
  let scale = scales[r];
  var plain = 0.0;
  var products = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    let g = dy[start + c] * weight[c];
    plain += g;
    products = fma(g, (x[start + c] - mean) * scale, products);
  }
  let meanG = sumOfGroup(lane, plain) / cols;
  let meanGX = sumOfGroup(lane, products) / cols;
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    let normal = (x[start + c] - mean) * scale;
    dx[start + c] = (dy[start + c] * weight[c] - meanG - normal * meanGX) * scale;
  }
}`,
};
