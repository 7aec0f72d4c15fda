import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * x ← x / divisor, row by row, in place: the end of a streamed softmax.
 * Shapes: x [n, c], divisors [n]. Bindings: n, c; x, divisors. Dispatch: a thread an entry.
 * Source: FlashAttention-2 (Dao 2023), section 3.1, which puts the division off to the end.
 */
export function divideRows(plan: Plan, x: Rows, divisors: Rows): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols],
    bindings: [x, divisors],
    groups: threadsFor(countOf(x)),
  });
}

const KERNEL: Kernel = {
  label: 'divide rows',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> divisors: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i < shape.rows * shape.cols) { x[i] = x[i] / divisors[i / shape.cols]; }
}`,
};
