import type { DropoutMask } from './kernels/dropout.ts';
import type { NormGradients } from './kernels/norm-gradients.ts';
import type { Memory } from './memory.ts';
import type { Plan } from './plan.ts';
import type { Rows } from './rows.ts';

/** One run of a network, to be recorded: where its numbers are, and in training what training needs. */
export interface Run {
  readonly plan: Plan;
  /** For what layers hand on and keep. */
  readonly memory: Memory;
  /** An array by its full name; a vector is one row. */
  readonly weight: (name: string) => Rows;
  readonly training?: {
    /** Where an array's gradient goes; `add` when something of this step is there already. */
    readonly gradient: (name: string) => { readonly into: Rows; readonly add: boolean };
    /** The mask of the run's next dropout layer. */
    readonly mask: (rows: number, cols: number, rate: number) => DropoutMask;
  };
}

/** What a layer computes, and the way back through it. */
export interface Pass {
  readonly output: Rows;
  /**
   * Records ∂loss/∂output → ∂loss/∂input and the gradients of the layer's arrays. Where the input's gradient is not `wanted`,
   * it is left out. What is returned is new; what is given is not written to.
   */
  readonly backward: (gradient: Rows, wanted: boolean) => Rows | undefined;
}

/** The gradients of a norm's two arrays: both are written by one kernel. */
export function normGradientsOf(run: Run, layer: string): NormGradients | undefined {
  if (run.training === undefined) return undefined;
  const weight = run.training.gradient(`${layer}.weight`);
  const bias = run.training.gradient(`${layer}.bias`);
  return { weight: weight.into, bias: bias.into, add: weight.add };
}
