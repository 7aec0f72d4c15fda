import type { Program, Value } from './program.ts';

/** What the emitters of layers write into, and where they find parameters; names are full, within one network. */
export interface Emission {
  readonly program: Program;
  /** Of batch-norm: those of the batch, which also move the running ones, or the running ones. */
  readonly statistics: 'batch' | 'running';
  /** A parameter in its shape, as this run finds it. */
  readonly read: (name: string) => Value;
  /** A running statistic's new value. */
  readonly move: (name: string, value: Value) => void;
  /** Adds to a parameter's gradient. */
  readonly accumulate: (name: string, gradient: Value) => void;
  /** The mask of the network's next dropout layer, the same for every call of what is returned. */
  readonly dropout: (rate: number, rows: number, cols: number) => () => Value;
}

/** What a layer computed, and the way back through it. */
export interface Pass {
  readonly output: Value;
  /** ∂loss/∂output → ∂loss/∂input. What nobody reads in the end is not computed. */
  readonly backward: (gradient: Value) => Value;
}
