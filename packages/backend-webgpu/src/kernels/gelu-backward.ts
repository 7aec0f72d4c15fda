import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';
import { NORMAL_CDF } from './normal-cdf.ts';

/**
 * ∂x = ∂y · (Φ(x) + x · φ(x)), the derivative of x · Φ(x).
 * Shapes: x, ∂y, ∂x [n]. Bindings: count; x, ∂y, ∂x. Dispatch: a thread an entry.
 * Source: the derivative of Hendrycks and Gimpel 2016, section 2.
 */
export function geluBackward(plan: Plan, x: Rows, dy: Rows, dx: Rows): void {
  const count = countOf(x);
  plan.dispatch({ kernel: KERNEL, numbers: [count], bindings: [x, dy, dx], groups: threadsFor(count) });
}

const KERNEL: Kernel = {
  label: 'gelu backward',
  source: /* wgsl */ `
@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
${GROUP_NUMBER}
${NORMAL_CDF}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i < count.x) { dx[i] = dy[i] * fma(x[i], normalPdf(x[i]), normalCdf(x[i])); }
}`,
};
