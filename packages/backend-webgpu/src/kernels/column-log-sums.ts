import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { COLUMNS, EXP_BELOW, GROUP_NUMBER, LOWEST, spread } from './groups.ts';

/**
 * Takes a strip of scores s = x · yᵀ into each column's running maximum m and sum Σ exp((s − m)/τ); a maximum that rises scales the
 * sum by exp((old − new)/τ). With the last strip the sum becomes log Σ exp(s/τ).
 * Shapes: scores [b, n], temperature [1], maxima and sums [n]. Bindings: b, n, whether the strip is the first and the last; scores,
 * temperature, maxima, sums. Dispatch: a workgroup for 16 columns.
 * Source: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3, a strip at a time.
 */
export function columnLogSums(
  plan: Plan,
  {
    scores,
    temperature,
    maxima,
    sums,
    isFirst,
    isLast,
  }: { scores: Rows; temperature: Rows; maxima: Rows; sums: Rows; isFirst: boolean; isLast: boolean },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [scores.rows, scores.cols, Number(isFirst), Number(isLast)],
    bindings: [scores, temperature, maxima, sums],
    groups: spread(Math.ceil(scores.cols / COLUMNS)),
  });
}

const KERNEL: Kernel = {
  label: 'column log sums',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, isFirst: u32, isLast: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> maxima: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
var<workgroup> cells: array<f32, 256>;
${GROUP_NUMBER}
${EXP_BELOW}
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let c = groupNumber(group, groups) * ${COLUMNS}u + local.x;
  let cell = local.y * 16u + local.x;
  let tau = temperature[0];
  let inside = c < shape.cols;
  var before = ${LOWEST};
  if (inside && shape.isFirst == 0u) { before = maxima[c]; }
  var most = before;
  if (inside) {
    for (var r = local.y; r < shape.rows; r += 16u) { most = max(most, scores[r * shape.cols + c]); }
  }
  cells[cell] = most;
  workgroupBarrier();
  for (var stride = 8u; stride > 0u; stride >>= 1u) {
    if (local.y < stride) { cells[cell] = max(cells[cell], cells[cell + stride * 16u]); }
    workgroupBarrier();
  }
  most = cells[local.x];
  workgroupBarrier();
  var sum = 0.0;
  if (inside) {
    for (var r = local.y; r < shape.rows; r += 16u) { sum += expBelow((scores[r * shape.cols + c] - most) / tau); }
  }
  cells[cell] = sum;
  workgroupBarrier();
  for (var stride = 8u; stride > 0u; stride >>= 1u) {
    if (local.y < stride) { cells[cell] += cells[cell + stride * 16u]; }
    workgroupBarrier();
  }
  if (local.y == 0u && inside) {
    var total = cells[local.x];
    if (shape.isFirst == 0u) { total = fma(sums[c], expBelow((before - most) / tau), total); }
    maxima[c] = most;
    sums[c] = select(total, most / tau + log(total), shape.isLast != 0u);
  }
}`,
};
