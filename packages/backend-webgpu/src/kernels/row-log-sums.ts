import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { EXP_BELOW, GROUP_NUMBER, LANES, LOWEST, MAX_OF_GROUP, spread, SUM_OF_GROUP } from './groups.ts';

/**
 * Of each row of a strip of scores s = x · yᵀ: log Σⱼ exp(sⱼ/τ), the maximum taken out first, and the positive's logit sᵢᵢ/τ.
 * Shapes: scores [b, n], rows `first` to first + b of the batch; temperature [1], sums and positives [n].
 * Bindings: b, n, first; scores, temperature, sums, positives. Dispatch: a workgroup a row.
 * Source: the symmetric loss of CLIP (Radford et al. 2021, figure 3), its rows.
 */
export function rowLogSums(
  plan: Plan,
  {
    scores,
    temperature,
    sums,
    positives,
    first,
  }: { scores: Rows; temperature: Rows; sums: Rows; positives: Rows; first: number },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [scores.rows, scores.cols, first],
    bindings: [scores, temperature, sums, positives],
    groups: spread(scores.rows),
  });
}

const KERNEL: Kernel = {
  label: 'row log sums',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, first: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> positives: array<f32>;
${GROUP_NUMBER}
${SUM_OF_GROUP}
${MAX_OF_GROUP}
${EXP_BELOW}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = groupNumber(group, groups);
  if (r >= shape.rows) { return; }
  let start = r * shape.cols;
  let tau = temperature[0];
  var most = ${LOWEST};
  for (var c = lane; c < shape.cols; c += ${LANES}u) { most = max(most, scores[start + c]); }
  most = maxOfGroup(lane, most);
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += ${LANES}u) { sum += expBelow((scores[start + c] - most) / tau); }
  sum = sumOfGroup(lane, sum);
  if (lane == 0u) {
    let row = shape.first + r;
    sums[row] = most / tau + log(sum);
    positives[row] = scores[start + row] / tau;
  }
}`,
};
