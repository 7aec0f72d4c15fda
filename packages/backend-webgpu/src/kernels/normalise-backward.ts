import { NORM_FLOOR } from '@freebind/core';
import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { GROUP_NUMBER, LANES, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * ∂x = (∂y − y (∂y · y)) / ‖x‖, row by row; below the floor the divisor is a constant and only the division is left.
 * Shapes: y, ∂y, ∂x [n, c], norms [n]. Bindings: n, c; y, norms, ∂y, ∂x. Dispatch: a workgroup a row.
 * Source: the derivative of `F.normalize`.
 */
export function normaliseBackward(plan: Plan, y: Rows, norms: Rows, dy: Rows, dx: Rows): void {
  plan.dispatch({ kernel: KERNEL, numbers: [y.rows, y.cols], bindings: [y, norms, dy, dx], groups: spread(y.rows) });
}

const KERNEL: Kernel = {
  label: 'normalise backward',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { sum = fma(dy[start + c], y[start + c], sum); }
  let norm = norms[r];
  let along = select(sumOfGroup(lane, sum), 0.0, norm < ${NORM_FLOOR}f);
  let divisor = select(norm, ${NORM_FLOOR}f, norm < ${NORM_FLOOR}f); // of NaN, "max" may make the floor
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    dx[start + c] = fma(-y[start + c], along, dy[start + c]) / divisor;
  }
}`,
};
