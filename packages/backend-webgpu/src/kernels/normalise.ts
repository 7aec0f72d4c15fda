import { NORM_FLOOR } from '@freebind/core';
import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { GROUP_NUMBER, LANES, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * y = x / max(‖x‖₂, 1e-12), row by row, the norms are kept for the way back. Squares of entries below 1e-19 vanish
 * in float32, but the floor has replaced such norms long before.
 * Shapes: x, y [n, c], norms [n]. Bindings: n, c; x, y, norms. Dispatch: a workgroup a row.
 * Source: PyTorch's `F.normalize`, its floor included.
 */
export function normalise(plan: Plan, x: Rows, y: Rows, norms: Rows): void {
  plan.dispatch({ kernel: KERNEL, numbers: [x.rows, x.cols], bindings: [x, y, norms], groups: spread(x.rows) });
}

const KERNEL: Kernel = {
  label: 'normalise',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { sum = fma(x[start + c], x[start + c], sum); }
  let norm = sqrt(sumOfGroup(lane, sum));
  let divisor = select(norm, ${NORM_FLOOR}f, norm < ${NORM_FLOOR}f); // of NaN, "max" may make the floor
  for (var c = lane; c < shape.cols; c += ${LANES}u) { y[start + c] = x[start + c] / divisor; }
  if (lane == 0u) { norms[r] = norm; }
}`,
};
