import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * ∂x = ∂y where x > 0, else 0.
 * Shapes: x, ∂y, ∂x [n]. Bindings: count; x, ∂y, ∂x. Dispatch: a thread an entry.
 * Source: the derivative of max(0, x), 0 at 0 as in PyTorch.
 */
export function reluBackward(plan: Plan, x: Rows, dy: Rows, dx: Rows): void {
  const count = countOf(x);
  plan.dispatch({ kernel: KERNEL, numbers: [count], bindings: [x, dy, dx], groups: threadsFor(count) });
}

const KERNEL: Kernel = {
  label: 'relu backward',
  source: /* wgsl */ `
@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i < count.x) { dx[i] = select(0.0, dy[i], x[i] > 0.0); }
}`,
};
