import { real, type Kernel, type Plan } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/** What one dropout layer needs in a step, from core's `dropoutKeys`. */
export interface DropoutMask {
  /** rowA [n], rowB [n], colA [c], colB [c], one behind the other, 32-bit integers. */
  readonly keys: Rows;
  readonly threshold: number;
  readonly scale: number;
}

/**
 * y = x · scale where the entry is kept, else 0; forward and backward alike, because the mask is computed again:
 * kept where (rowA[r] ^ colA[c]) · (rowB[r] ^ colB[c]) >= threshold, in 32-bit integers that wrap (core's `dropout.ts`).
 * Shapes: x, y [n, c]. Bindings: n, c, threshold, scale; x, keys, y. Dispatch: a thread an entry.
 * Source: Srivastava et al. 2014, scaled in training as PyTorch's `nn.Dropout`.
 */
export function dropout(plan: Plan, x: Rows, mask: DropoutMask, y: Rows): void {
  const { keys, threshold, scale } = mask;
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols, threshold >>> 0, real(scale)],
    bindings: [x, keys, y],
    groups: threadsFor(countOf(x)),
  });
}

const KERNEL: Kernel = {
  label: 'dropout',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, threshold: i32, scale: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.rows * shape.cols) { return; }
  let r = i / shape.cols;
  let c = i % shape.cols;
  let columns = 2u * shape.rows;
  let a = keys[r] ^ keys[columns + c];
  let b = keys[shape.rows + r] ^ keys[columns + shape.cols + c];
  y[i] = select(0.0, x[i] * shape.scale, a * b >= shape.threshold);
}`,
};
