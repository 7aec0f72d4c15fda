import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import type { Standard } from './batch-norm-statistics.ts';
import { COLUMNS, GROUP_NUMBER, spread, SUM_OF_LANES } from './groups.ts';

/** Where a norm's gradients go. */
export interface NormGradients {
  readonly weight: Rows;
  readonly bias: Rows;
  /** Onto what is there: the layer ran before in this step. */
  readonly add: boolean;
}

/**
 * ∂weight = Σ_rows ∂y ∘ x̂ and ∂bias = Σ_rows ∂y of both norms, x̂ = (x − mean) · scale computed again; this run's sums are kept,
 * because batch-norm's way back needs them without what other runs added.
 * Shapes: x, ∂y [n, c], means and scales [c] (batch-norm) or [n] (layer-norm), ∂weight, ∂bias [c], sums [2, c].
 * Bindings: n, c, by row, add; x, ∂y, means, scales, ∂weight, ∂bias, sums. Dispatch: a workgroup for 16 columns.
 * Source: the derivatives of Ioffe and Szegedy 2015, algorithm 1, and Ba et al. 2016, section 3.
 */
export function normGradients(
  plan: Plan,
  { x, dy, standard, gradients, sums }: { x: Rows; dy: Rows; standard: Standard; gradients: NormGradients; sums: Rows },
  of: 'columns' | 'rows',
): void {
  plan.dispatch({
    kernel: KERNEL,
    numbers: [x.rows, x.cols, Number(of === 'rows'), Number(gradients.add)],
    bindings: [x, dy, standard.means, standard.scales, gradients.weight, gradients.bias, sums],
    groups: spread(Math.ceil(x.cols / COLUMNS)),
  });
}

const KERNEL: Kernel = {
  label: 'norm gradients',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, byRow: u32, add: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(6) var<storage, read_write> dBias: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;
${GROUP_NUMBER}
${SUM_OF_LANES}
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let c = groupNumber(group, groups) * ${COLUMNS}u + local.x;
  var products = 0.0;
  var plain = 0.0;
  if (c < shape.cols) {
    for (var r = local.y; r < shape.rows; r += 16u) {
      let at = select(c, r, shape.byRow != 0u);
      let i = r * shape.cols + c;
      products = fma(dy[i], (x[i] - means[at]) * scales[at], products);
      plain += dy[i];
    }
  }
  let weight = sumOfLanes(local.x, local.y, products);
  let bias = sumOfLanes(local.x, local.y, plain);
  if (local.y == 0u && c < shape.cols) {
    sums[c] = weight;
    sums[shape.cols + c] = bias;
    dWeight[c] = select(weight, dWeight[c] + weight, shape.add != 0u);
    dBias[c] = select(bias, dBias[c] + bias, shape.add != 0u);
  }
}`,
};
