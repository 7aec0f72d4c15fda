import { type Kernel, type Plan, real } from '../plan.ts';
import { countOf, type Rows } from '../rows.ts';
import { GROUP_NUMBER, THREADS, threadsFor } from './groups.ts';

/** Trained arrays with their moments, one behind the other, and what moves them. */
export interface Trained {
  readonly value: Rows;
  readonly m: Rows;
  readonly v: Rows;
  readonly gradient: Rows;
}

/**
 * Adam as PyTorch writes it, ε outside of the root, the decay decoupled:
 *
 * Gradients come multiplied by `scale`, a power of two, and are divided by it first.
 *
 *     m ← β₁ m + (1 − β₁) g    v ← β₂ v + (1 − β₂) g²    w ← w · keep − lr · (m · c₁) / (√(v · c₂) + ε)
 *
 * Shapes: all [n]; numbers [9]: lr, keep = 1 − lr · decay, β₁, 1 − β₁, β₂, 1 − β₂, c₁ = 1/(1 − β₁ᵗ), c₂ = 1/(1 − β₂ᵗ), ε.
 * Bindings: n, 1/scale; value, m, v, gradient, numbers. Dispatch: a thread an entry.
 * Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
 */
export function adam(plan: Plan, { value, m, v, gradient }: Trained, numbers: Rows, scale = 1): void {
  const count = countOf(value);
  plan.dispatch({
    kernel: KERNEL,
    numbers: [count, real(1 / scale)],
    bindings: [value, m, v, gradient, numbers],
    groups: threadsFor(count),
  });
}

const KERNEL: Kernel = {
  label: 'adam',
  source: /* wgsl */ `
struct Shape { count: u32, unscale: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> value: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> numbers: array<f32, 9>;
${GROUP_NUMBER}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = groupNumber(group, groups) * ${THREADS}u + thread;
  if (i >= shape.count) { return; }
  let g = shape.unscale * gradient[i];
  let first = fma(numbers[3], g, numbers[2] * m[i]);
  let second = fma(numbers[5] * g, g, numbers[4] * v[i]);
  m[i] = first;
  v[i] = second;
  let change = first * numbers[6] / (sqrt(second * numbers[7]) + numbers[8]);
  value[i] = fma(-numbers[0], change, value[i] * numbers[1]);
}`,
};
