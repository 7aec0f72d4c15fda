import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * y = max(0, x), entry by entry; NaN passes.
 * Shapes: x [n], y [n]. Bindings: count; x, y. Dispatch: a thread an entry.
 * Source: PyTorch's `F.relu`, NaN included.
 */
export function relu(plan: Plan, x: Rows, y: Rows): void {
  const count = countOf(x);
  plan.dispatch({ kernel: KERNEL, numbers: [count], bindings: [x, y], groups: threadsFor(count) });
}

const KERNEL: Kernel = {
  label: 'relu',
  source: /* wgsl */ `
@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i < count.x) { y[i] = select(x[i], 0.0, x[i] < 0.0); }
}`,
};
