import type { Graph, Value } from './graph.ts';
import type { Rows } from './rows.ts';

/** What a run of a network computes, and the way back through it. */
export interface Pass {
  readonly output: Rows;
  /** ∂loss/∂output → ∂loss/∂input; adds ∂loss/∂parameter to the run's gradients on its way. */
  backward(gradient: Rows): Rows;
}

/** One run of a network, where its layers write their nodes. */
export interface Emission {
  readonly graph: Graph;
  /** What batch-norm normalises by: the batch's statistics in training, the running ones in inference. */
  readonly statistics: 'batch' | 'running';
  /** A parameter of the network, by its full name, as it stands: statistics move from run to run. */
  readonly read: (name: string) => Value;
  /** Moves a running statistic. */
  readonly move: (name: string, value: Value) => void;
  /** Adds to a parameter's gradient: `add` is given the sum so far and returns the next. */
  readonly accumulate: (name: string, add: (sum: Value | undefined) => Value) => void;
  /** Keys of the run's next dropout layer, as graph inputs, for rows of `cols` columns. */
  readonly dropoutKeys: (rate: number, cols: number) => DropoutInputs;
}

/** `dropoutKeys` of core as values: rowA and rowB [n, 1], colA and colB [1, cols], the rest []. */
export interface DropoutInputs {
  readonly rowA: Value;
  readonly rowB: Value;
  readonly colA: Value;
  readonly colB: Value;
  readonly threshold: Value;
  readonly scale: Value;
}
