import {
  adapter,
  type Backend,
  type Layer,
  type Network,
  parametersOf,
  projector,
  type Table,
  tableOf,
  type Tensor,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';
import { type GoldenEntry, readArray, readJson, readTensors } from './folder.ts';

/** What a golden run's `losses.json` says of it. */
export interface Losses {
  readonly losses: readonly number[];
  readonly lr: number;
  readonly tau?: number;
  readonly weight_decay?: number;
  /** λ of mixup by step; null without. */
  readonly lambdas?: readonly (number | null)[];
  readonly temp_after_step?: readonly number[];
}

/** A golden training run, ready to be repeated. */
export interface GoldenRun {
  readonly name: string;
  readonly options: TrainerOptions;
  readonly learningRate: number;
  /** λ by step. */
  readonly mix: readonly (number | undefined)[];
  /** The golden files' name of a tensor in `TrainerState`, without `adam.*`. */
  readonly goldenName: (name: string) => string;
}

/** A repeated run. */
export interface Trajectory {
  /** Before each update. */
  readonly losses: readonly number[];
  /** States after each step; [0] is after the first. */
  readonly states: readonly TrainerState[];
}

/** FuseMix's names: `vis_proj.0.ln.weight` is `0.ln.weight` of network `vis`. */
const FUSEMIX_PREFIX = { vis: 'vis_proj.', text: 'text_proj.' } as const;

/** The run whose first weights are `init`. Its shapes are read off the weights, so another size needs no line here. */
export async function openRun(init: GoldenEntry, entries: readonly GoldenEntry[]): Promise<GoldenRun> {
  const name = init.id.replace(/^training\/|\.init\.safetensors$/g, '');
  const weights = await readTensors(init.file);
  const { file } = entries.find(({ id }) => id.startsWith(`training/${name}.f`) && id.endsWith('.losses')) ?? init;
  const settings = await readJson<Losses>(file);
  const tables: Record<string, Table> = {};
  for (const entry of entries) {
    const table = entry.id.startsWith(`training/${name}.`) && /\.(source\d+|target\d+|vis|text)$/.exec(entry.id)?.[1];
    if (table) tables[table] = tableOf(await readArray(entry.file), entry.id);
  }
  return 'vis' in tables ? fusemixRun(name, weights, tables, settings) : projectorRun(name, weights, tables, settings);
}

/** One projector for every source against every target: Adam, fixed temperature. */
function projectorRun(
  name: string,
  weights: Readonly<Record<string, Tensor>>,
  tables: Readonly<Record<string, Table>>,
  settings: Losses,
): GoldenRun {
  const [hidden = 0, input = 0] = weights['0.weight']?.shape ?? [];
  const [output = 0] = weights['3.weight']?.shape ?? [];
  const names = Object.keys(tables).sort();
  const pairs = names
    .filter((table) => table.startsWith('source'))
    .flatMap((source) =>
      names
        .filter((table) => table.startsWith('target'))
        .map((target) => ({ left: { table: source, network: 'head' }, right: { table: target } })),
    );
  return {
    name,
    options: {
      networks: { head: select(projector({ input, hidden, output }), weights) },
      tables,
      objective: { pairs, temperature: { initial: settings.tau ?? NaN } },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      batch: Object.values(tables)[0]?.rows ?? 0,
    },
    learningRate: settings.lr,
    mix: settings.losses.map(() => undefined),
    goldenName: (tensor) => tensor.replace('head/', ''),
  };
}

/** Two adapters without dropout: AdamW, mixup where the run has λ, learned temperature. */
function fusemixRun(
  name: string,
  weights: Readonly<Record<string, Tensor>>,
  tables: Readonly<Record<string, Table>>,
  settings: Losses,
): GoldenRun {
  const mix = settings.losses.map((_, step) => settings.lambdas?.[step] ?? undefined);
  const network = (prefix: string): Network => {
    const own = Object.fromEntries(
      Object.entries(weights)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, tensor]) => [key.slice(prefix.length), tensor]),
    );
    const blocks = Object.keys(own).filter((key) => key.endsWith('.fn.0.weight')).length;
    const [wide = 0, input = 0] = own['0.fn.0.weight']?.shape ?? [];
    const [output = 0] = own[`${blocks + 1}.weight`]?.shape ?? [];
    return select(adapter({ input, output, blocks, expansion: wide / input, dropout: 0 }), own);
  };
  return {
    name,
    options: {
      networks: { vis: network(FUSEMIX_PREFIX.vis), text: network(FUSEMIX_PREFIX.text) },
      tables,
      objective: {
        pairs: [{ left: { table: 'vis', network: 'vis' }, right: { table: 'text', network: 'text' } }],
        temperature: { initial: weights['temp']?.data[0] ?? NaN, learned: { min: 0.001, max: 0.5 } },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: settings.weight_decay ?? NaN },
      batch: tables['vis']?.rows ?? 0,
      mixup: mix[0] !== undefined,
    },
    learningRate: settings.lr,
    mix,
    goldenName: (tensor) =>
      tensor === 'temperature'
        ? 'temp'
        : tensor.replace('vis/', FUSEMIX_PREFIX.vis).replace('text/', FUSEMIX_PREFIX.text),
  };
}

/** Takes the run's steps, each over all rows in order, as the golden runs did. */
export async function repeatRun({ options, learningRate, mix }: GoldenRun, backend: Backend): Promise<Trajectory> {
  const trainer = await backend.openTrainer(options);
  const rows = Int32Array.from({ length: options.batch }, (_, row) => row);
  const losses: number[] = [];
  const states: TrainerState[] = [];
  try {
    for (const lambda of mix) {
      const { loss } = await trainer.step({ rows, learningRate, ...(lambda === undefined ? {} : { mix: lambda }) });
      losses.push(loss);
      states.push(await trainer.snapshot());
    }
  } finally {
    await trainer.close();
  }
  return { losses, states };
}

/** A network of these layers with those of the weights that they name; PyTorch's `num_batches_tracked` is not one. */
function select(layers: readonly Layer[], weights: Readonly<Record<string, Tensor>>): Network {
  const named = parametersOf(layers).flatMap(({ name }) => {
    const tensor = weights[name];
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return { layers, weights: Object.fromEntries(named) };
}
