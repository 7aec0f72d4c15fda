import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { LANES, SUM_OF_GROUP } from './groups.ts';

/**
 * The loss of one pair, share · mean(½ (row log sum + column log sum) − positive), and its gradient with respect to τ,
 * −Σ products / τ, each added to what earlier pairs gave or, for the first pair, in its place.
 * Shapes: rowSums, columnSums, positives, products [n], temperature [1], results [2] (the loss is the first), gradient [1].
 * Bindings: n, whether the pair is the first, share / n; those in this order. Dispatch: one workgroup.
 * Source: the symmetric loss of CLIP (Radford et al. 2021, figure 3), averaged over the pairs of an objective.
 */
export function infoNceLoss(
  plan: Plan,
  pair: {
    readonly rowSums: Rows;
    readonly columnSums: Rows;
    readonly positives: Rows;
    readonly products: Rows;
    readonly temperature: Rows;
    readonly results: Rows;
    readonly gradient: Rows;
    readonly share: number;
    readonly isFirst: boolean;
  },
): void {
  const { rowSums, columnSums, positives, products, temperature, results, gradient, share, isFirst } = pair;
  const n = rowSums.rows * rowSums.cols;
  plan.dispatch({
    kernel: KERNEL,
    numbers: [n, Number(isFirst), real(share / n)],
    bindings: [rowSums, columnSums, positives, products, temperature, results, gradient],
    groups: [1, 1],
  });
}

const KERNEL: Kernel = {
  label: 'InfoNCE loss',
  source: /* wgsl */ `
struct Shape { count: u32, isFirst: u32, weight: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> rowSums: array<f32>;
@group(0) @binding(2) var<storage, read> columnSums: array<f32>;
@group(0) @binding(3) var<storage, read> positives: array<f32>;
@group(0) @binding(4) var<storage, read> products: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> results: array<f32>;
@group(0) @binding(7) var<storage, read_write> gradient: array<f32>;
${SUM_OF_GROUP}
@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) lane: u32) {
  var loss = 0.0;
  var slope = 0.0;
  for (var i = lane; i < shape.count; i += ${LANES}u) {
    // Each difference is at least 0 and small beside its terms, so it is taken before the sum.
    loss += 0.5 * ((rowSums[i] - positives[i]) + (columnSums[i] - positives[i]));
    slope += products[i];
  }
  loss = sumOfGroup(lane, loss) * shape.weight;
  slope = -sumOfGroup(lane, slope) / temperature[0];
  if (lane == 0u) {
    results[0] = select(results[0] + loss, loss, shape.isFirst != 0u);
    gradient[0] = select(gradient[0] + slope, slope, shape.isFirst != 0u);
  }
}`,
};
