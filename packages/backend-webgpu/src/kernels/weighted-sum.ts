import { real, type Kernel, type Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * sum = a · x + sum, or a · x + y when y is given, or a · x when `fresh`: residual blocks, mixtures and combinations.
 * Shapes: x, y, sum [n]. Bindings: count, a, which of these; x, y, sum. Dispatch: a thread an entry.
 * Source: BLAS axpy.
 */
export function weightedSum(
  plan: Plan,
  { a, x, y, sum, fresh = false }: { a: number; x: Rows; y?: Rows; sum: Rows; fresh?: boolean },
): void {
  const count = countOf(x);
  const kind = fresh ? 0 : y === undefined ? 1 : 2;
  plan.dispatch({
    kernel: KERNEL,
    numbers: [count, real(a), kind],
    bindings: [x, y ?? x, sum],
    groups: threadsFor(count),
  });
}

const KERNEL: Kernel = {
  label: 'weighted sum',
  source: /* wgsl */ `
struct Shape { count: u32, a: f32, kind: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> sum: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.count) { return; }
  switch shape.kind {
    case 0u: { sum[i] = shape.a * x[i]; }
    case 1u: { sum[i] = fma(shape.a, x[i], sum[i]); }
    default: { sum[i] = fma(shape.a, x[i], y[i]); }
  }
}`,
};
