import { inputWidth, outputWidth, type Side, stateTensors, type TrainerOptions } from '@freebind/core';
import { asIs, endsInZeros, type Layout, layoutOf, paddedWidth, startsInZeros, type Stored } from './widths.ts';

/** Shapes of everything in a training graph. */
export interface TrainingLayout {
  /** Rows of a batch after mixing. */
  readonly rows: number;
  readonly networks: ReadonlyMap<string, Layout>;
  /** The state's tensors. */
  readonly stored: ReadonlyMap<string, Stored>;
  /** Tables as graphs take them, each at one or several widths. */
  readonly tables: readonly TableFeed[];
  /** Columns of a side of a pair. */
  output(side: Side): number;
}

/** A table that is fed. */
export interface TableFeed {
  readonly table: string;
  /** Columns, zeros included. */
  readonly width: number;
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
  const output = ({ table, network }: Side): number =>
    (network === undefined ? undefined : networks.get(network)?.output) ?? pad(options.tables[table]?.cols ?? 0);
  const sides = options.objective.pairs.flatMap(({ left, right }) => [left, right]);
  const feeds = sides.map((side): [string, TableFeed] => {
    const width = (side.network === undefined ? undefined : networks.get(side.network)?.input) ?? output(side);
    return [`${side.table}/${width}`, { table: side.table, width }];
  });
  return {
    rows: options.mixup ? options.batch / 2 : options.batch,
    tables: [...new Map(feeds).values()],
    networks,
    stored,
    output,
  };
}
