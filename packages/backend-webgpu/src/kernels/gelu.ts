import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';
import { NORMAL_CDF } from './normal-cdf.ts';

/**
 * y = x · Φ(x), the exact GELU; Φ as in `normal-cdf.ts`.
 * Shapes: x, y [n]. Bindings: count; x, y. Dispatch: a thread an entry.
 * Source: Hendrycks and Gimpel 2016, section 2.
 */
export function gelu(plan: Plan, x: Rows, y: Rows): void {
  const count = countOf(x);
  plan.dispatch({ kernel: KERNEL, numbers: [count], bindings: [x, y], groups: threadsFor(count) });
}

const KERNEL: Kernel = {
  label: 'gelu',
  source: /* wgsl */ `
@group(0) @binding(0) var<uniform> count: vec4u;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${GROUP_NUMBER}
${NORMAL_CDF}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i < count.x) { y[i] = x[i] * normalCdf(x[i]); }
}`,
};
