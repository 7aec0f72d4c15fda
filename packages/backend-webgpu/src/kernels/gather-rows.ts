import type { Kernel, Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/**
 * The rows of a batch, mixed if `mix` is given: out[r] = λ · table[numbers[r]] + (1 − λ) · table[numbers[n + r]].
 * Shapes: table [m, c], numbers [n] or, mixed, [2n] integers, mix [λ, 1 − λ], out [n, c].
 * Bindings: n, c, whether it mixes; table, numbers, mix, out. Dispatch: a thread an entry of out.
 * Source: FuseMix, equation 3.
 */
export function gatherRows(
  plan: Plan,
  { table, numbers, mix, out }: { table: Rows; numbers: Rows; mix: Rows | undefined; out: Rows },
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [out.rows, out.cols, mix === undefined ? 0 : 1],
    bindings: [table, numbers, mix ?? table, out],
    groups: threadsFor(countOf(out)),
  });
}

const KERNEL: Kernel = {
  label: 'gather rows',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, mixes: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> numbers: array<u32>;
@group(0) @binding(3) var<storage, read> mix: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.rows * shape.cols) { return; }
  let r = i / shape.cols;
  let c = i % shape.cols;
  let first = source[numbers[r] * shape.cols + c];
  if (shape.mixes == 0u) {
    out[i] = first;
  } else {
    out[i] = fma(mix[0], first, mix[1] * source[numbers[shape.rows + r] * shape.cols + c]);
  }
}`,
};
