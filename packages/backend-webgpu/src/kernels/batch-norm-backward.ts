import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import type { Standard } from './batch-norm-statistics.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * ∂x = weight · scale · (∂y − mean(∂y) − x̂ · mean(∂y ∘ x̂)), by column, because mean and variance depend on x too; the two sums
 * come from `norm-gradients.ts`.
 * Shapes: x, ∂y, ∂x [n, c], means, scales, weight [c], sums [2, c]: Σ ∂y ∘ x̂ and Σ ∂y.
 * Bindings: n, c; x, ∂y, means, scales, weight, sums, ∂x. Dispatch: a thread an entry.
 * Source: the derivative of Ioffe and Szegedy 2015, algorithm 1.
 */
export function batchNormBackward(
  plan: Plan,
  { x, dy, standard, weight, sums, dx }: { x: Rows; dy: Rows; standard: Standard; weight: Rows; sums: Rows; dx: Rows },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols],
    bindings: [x, dy, standard.means, standard.scales, weight, sums, dx],
    groups: threadsFor(countOf(x)),
  });
}

const KERNEL: Kernel = {
  label: 'batch norm backward',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read> weight: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.rows * shape.cols) { return; }
  let c = i % shape.cols;
  let normal = (x[i] - means[c]) * scales[c];
  let rows = f32(shape.rows);
  let inner = dy[i] - sums[shape.cols + c] / rows - normal * (sums[c] / rows);
  dx[i] = weight[c] * scales[c] * inner;
}`,
};
