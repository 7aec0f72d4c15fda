import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import type { Standard } from './batch-norm-statistics.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * y = (x − mean) · scale · weight + bias, by column.
 * Shapes: x, y [n, c], all others [c]. Bindings: n, c; x, means, scales, weight, bias, y. Dispatch: a thread an entry.
 * Source: Ioffe and Szegedy 2015, algorithm 1, the last line.
 */
export function batchNorm(
  plan: Plan,
  { x, standard, weight, bias, y }: { x: Rows; standard: Standard; weight: Rows; bias: Rows; y: Rows },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols],
    bindings: [x, standard.means, standard.scales, weight, bias, y],
    groups: threadsFor(countOf(x)),
  });
}

const KERNEL: Kernel = {
  label: 'batch norm',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> means: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.rows * shape.cols) { return; }
  let c = i % shape.cols;
  y[i] = fma((x[i] - means[c]) * scales[c], weight[c], bias[c]);
}`,
};
