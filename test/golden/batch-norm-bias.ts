import type { GoldenRun } from './trajectory.ts';

/**
 * A linear layer's bias that feeds a batch norm. The norm subtracts it again, so it has no effect in training and its true
 * gradient is zero. In float32 the gradient is rounding noise instead, and Adam, which divides a gradient by its own size,
 * turns noise into steps of up to the learning rate: the bias wanders, differently on every machine and in every order of
 * summation. The norm's running mean carries the bias along; nothing else does.
 */
export interface AbsorbedBias {
  /** In `TrainerState`. */
  readonly bias: string;
  /** The running mean of the batch norm after it. */
  readonly mean: string;
  readonly momentum: number;
  /** How often the running mean moves in one step: once for each table that the network reads. */
  readonly runsPerStep: number;
  /** The bias before the first step. */
  readonly initial: readonly number[];
}

/** Every absorbed bias of a run's networks. */
export function absorbedBiases({ options }: GoldenRun): readonly AbsorbedBias[] {
  return Object.entries(options.networks).flatMap(([network, { layers, weights }]) =>
    layers.flatMap((layer, i) => {
      const next = layers[i + 1];
      if (layer.kind !== 'linear' || next?.kind !== 'batch-norm') return [];
      const sides = options.objective.pairs.flatMap(({ left, right }) => [left, right]);
      return {
        bias: `${network}/${layer.name}.bias`,
        mean: `${network}/${next.name}.running_mean`,
        momentum: next.momentum,
        runsPerStep: new Set(sides.filter((side) => side.network === network).map(({ table }) => table)).size,
        initial: Array.from(weights[`${layer.name}.bias`]?.data ?? []),
      };
    }),
  );
}

type Rhythm = Pick<AbsorbedBias, 'momentum' | 'runsPerStep'>;

/** What biases have added to the running mean by now, if `inUse[t]` is the bias that step t ran with: their moving average. */
export function averageInUse(
  inUse: readonly (readonly number[])[],
  { momentum, runsPerStep }: Rhythm,
): readonly number[] {
  const kept = (1 - momentum) ** runsPerStep;
  return inUse.reduce<readonly number[]>(
    (average, bias) => bias.map((b, i) => kept * (average[i] ?? 0) + (1 - kept) * b),
    [],
  );
}

/** The moving average of biases that have moved by as much as `drift` in every step so far, after `steps` steps. */
export function largestDrift(drift: number, steps: number, rhythm: Rhythm): number {
  return (
    averageInUse(
      Array.from({ length: steps }, (_, step) => [drift * step]),
      rhythm,
    )[0] ?? 0
  );
}
