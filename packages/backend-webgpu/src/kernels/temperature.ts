import { real, type Kernel, type Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';

/**
 * Puts a learned temperature back into its bounds, in place, before the step uses it, and
 * copies it to the step's results.
 * Shapes: parameter [1], results [2]: loss and temperature. Bindings: min, max; parameter, results. Dispatch: one thread.
 * Source: FuseMix's `temp.clamp_`, without gradient.
 */
export function clampTemperature(
  plan: Plan,
  parameter: Rows,
  { min, max }: { readonly min: number; readonly max: number },
  results: Rows,
): void {
  plan.dispatch({ kernel: KERNEL, numbers: [real(min), real(max)], bindings: [parameter, results], groups: [1, 1] });
}

const KERNEL: Kernel = {
  label: 'temperature',
  source: /* wgsl */ `
@group(0) @binding(0) var<uniform> bounds: vec4f;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> results: array<f32>;
@compute @workgroup_size(1)
fn main() {
  let clamped = min(max(parameter[0], bounds.x), bounds.y);
  parameter[0] = clamped;
  results[1] = clamped;
}`,
};
