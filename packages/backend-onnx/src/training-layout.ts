import { inputWidth, outputWidth, type Side, stateTensors, type TrainerOptions } from '@freebind/core';
import { asIs, endsInZeros, type Layout, layoutOf, paddedWidth, startsInZeros, type Stored } from './widths.ts';

/** Shapes of everything in a training graph. */
export interface TrainingLayout {
  /** Rows of a batch after mixing. */
  readonly rows: number;
  readonly networks: ReadonlyMap<string, Layout>;
  /** The state's tensors. */
  readonly stored: ReadonlyMap<string, Stored>;
  /** Columns of a side of a pair. */
  output(side: Side): number;
}

/** Both sides of a pair must have one width, so outputs and targets are padded where every network allows it, or nowhere. */
export function trainingLayout(options: TrainerOptions): TrainingLayout {
  const entries = Object.entries(options.networks);
  const pad = entries.every(([, { layers }]) => endsInZeros(layers)) ? paddedWidth : (width: number): number => width;
  const networks = new Map(
    entries.map(([name, { layers }]) => {
      const input = inputWidth(layers);
      return [name, layoutOf(layers, startsInZeros(layers) ? paddedWidth(input) : input, pad(outputWidth(layers)))];
    }),
  );
  const stored = new Map<string, Stored>(stateTensors(options).map(({ name, shape }) => [name, asIs(shape)]));
  for (const [network, layout] of networks) {
    for (const [parameter, kept] of layout.stored) {
      for (const name of ['', 'adam.m/', 'adam.v/'].map((kind) => `${kind}${network}/${parameter}`))
        if (stored.has(name)) stored.set(name, kept);
    }
  }
  return {
    rows: options.mixup ? options.batch / 2 : options.batch,
    networks,
    stored,
    output: ({ table, network }) =>
      (network === undefined ? undefined : networks.get(network)?.output) ?? pad(options.tables[table]?.cols ?? 0),
  };
}
