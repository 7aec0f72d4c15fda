import type { Blocks, Span } from './blocks.ts';
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
  /** The network's next dropout layer: what is returned gives the mask of rows of the batch, the same in every call. */
  readonly dropout: (rate: number, cols: number) => (rows: Span) => Value;
}

/** What a layer computed, of a batch in blocks or of one block alone, and the way back through it. */
export interface Pass<Rows = Blocks> {
  readonly output: Rows;
  /** ∂loss/∂output → ∂loss/∂input. What nobody reads in the end is not computed. */
  readonly backward: (gradient: Rows) => Rows;
}
