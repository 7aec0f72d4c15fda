import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { COLUMNS, GROUP_NUMBER, spread, SUM_OF_LANES } from './groups.ts';

/**
 * sums = Σ_rows x, or sums + Σ_rows x when `add`: the gradient of a bias.
 * Shapes: x [n, c], sums [c]. Bindings: n, c, add; x, sums. Dispatch: a workgroup for 16 columns.
 * Source: the derivative of x · Wᵀ + b with respect to b.
 */
export function columnSums(plan: Plan, x: Rows, sums: Rows, add: boolean): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols, Number(add)],
    bindings: [x, sums],
    groups: spread(Math.ceil(x.cols / COLUMNS)),
  });
}

const KERNEL: Kernel = {
  label: 'column sums',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, add: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
${GROUP_NUMBER}
${SUM_OF_LANES}
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let c = groupNumber(group, groups) * ${COLUMNS}u + local.x;
  var sum = 0.0;
  if (c < shape.cols) {
    for (var r = local.y; r < shape.rows; r += 16u) { sum += x[r * shape.cols + c]; }
  }
  let total = sumOfLanes(local.x, local.y, sum);
  if (local.y == 0u && c < shape.cols) { sums[c] = select(total, sums[c] + total, shape.add != 0u); }
}`,
};
