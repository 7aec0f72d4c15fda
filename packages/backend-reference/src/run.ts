import type { Rows, Store } from './rows.ts';

/** What a network computed, and the way back through it. */
export interface Pass {
  readonly output: Rows;
  /** ∂loss/∂output → ∂loss/∂input, both shaped as those; adds ∂loss/∂weight to `Run.gradients` on its way. */
  readonly backward: (gradient: Rows) => Rows;
}

/** One run of a network: its weights by full name, and in training what training needs. */
export interface Run {
  readonly weights: ReadonlyMap<string, Float64Array>;
  readonly training?: {
    readonly gradients: ReadonlyMap<string, Float64Array>;
    readonly seed: number;
    /** The run's number in its step; decides dropout. */
    readonly run: number;
    readonly dropoutLayers: { count: number };
    /** How moved statistics are rounded. */
    readonly store: Store;
  };
}

/** The arrays of one layer: `weight('bias')` to read, `gradient('bias')` to add to. */
export interface Arrays {
  weight(name: string): Float64Array;
  gradient(name: string): Float64Array;
}

/** The arrays of the layer of this full name. */
export function arraysOf(run: Run, layer: string): Arrays {
  const none = new Float64Array(0);
  return {
    weight: (name) => run.weights.get(`${layer}.${name}`) ?? none,
    gradient: (name) => run.training?.gradients.get(`${layer}.${name}`) ?? none,
  };
}
