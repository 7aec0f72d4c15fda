import type { Backend, Pair } from '../backend.ts';
import type { BondManifest } from '../bond.ts';
import { FreebindError } from '../errors.ts';
import { initialise, type Network } from '../network.ts';
import { projector } from '../projector.ts';
import type { PseudoPairs } from '../pseudo-pairs/collect.ts';
import type { SourceSubset } from '../pseudo-pairs/source-subsets.ts';
import { shapeOf, type SpaceTables } from '../pseudo-pairs/tuples.ts';
import { random } from '../random.ts';
import { stackTables } from '../table.ts';
import { ADAM, type BondTraining } from './bond-options.ts';
import type { TrainingEvent } from './events.ts';
import { holdTables } from './held-tables.ts';
import { type CheckpointOptions, train, type Trained } from './run.ts';

/** The two spaces of a bond and the way it goes. */
export interface BondDirection {
  readonly kind: BondManifest['kind'];
  readonly unified: SpaceTables;
  readonly expert: SpaceTables;
}

/** Name of a head's network within its run. */
const NETWORK = 'projector';

/**
 * Trains one head of a bond on the pseudo pairs of its sources, one below the other: Xavier weights seeded by the head's name,
 * Adam at one rate, InfoNCE averaged over the pairs.
 */
export async function* trainHead(
  options: BondDirection & {
    readonly backend: Backend;
    readonly training: BondTraining;
    readonly head: SourceSubset;
    readonly pairs: PseudoPairs;
    /** Where its checkpoints are kept. */
    readonly folder: string;
    readonly checkpoints?: Omit<CheckpointOptions, 'folder'>;
    readonly signal?: AbortSignal;
  },
): AsyncGenerator<
  TrainingEvent,
  Pick<Trained, 'trainedOn'> & { readonly network: Network; readonly losses: readonly number[] },
  undefined
> {
  const { kind, backend, unified, expert, training, head, folder, signal } = options;
  const { seed } = training;
  const pairs = pairsOf(options, training.pairs, head);
  const tuples = head.sources.flatMap((source) => options.pairs.tuples[source] ?? []);
  const tables = pairs
    .flatMap(({ left, right }) => [left.table, right.table])
    .map((name) => {
      const { party, modality } = parseTable(name);
      return [name, stackTables(tuples.flatMap((tuple) => tuple[party][modality] ?? []))] as const;
    });

  const [ours, theirs] = [shapeOf(unified).dimension, shapeOf(expert).dimension];
  const layers = projector({
    ...(kind === 'displacement' ? { input: ours, output: theirs } : { input: theirs, output: ours }),
    hidden: training.hidden,
  });
  const { networks, losses, trainedOn } = yield* train({
    stage: head.name,
    backend,
    networks: { [NETWORK]: initialise(layers, random(seed, 'initialise', head.name), 'xavier') },
    ...(await holdTables(Object.fromEntries(tables))),
    objective: { pairs, temperature: { initial: training.temperature } },
    optimizer: ADAM,
    rate: { kind: 'constant', rate: training.learningRate },
    epochs: training.epochs[kind],
    batch: training.batch,
    shortBatch: training.shortBatch,
    seed,
    checkpoints: { ...options.checkpoints, folder },
    ...(signal !== undefined && { signal }),
  });
  const network = networks[NETWORK];
  if (network === undefined) throw new Error('A run gives the networks that it was given.');
  // Seven digits are a float32's.
  return { network, losses: Array.from(losses, (loss) => Number(loss.toPrecision(7))), trainedOn };
}

/**
 * The loss terms of a head: every modality of the projected space with every one of the target, or those that were chosen. Its
 * tuples have all modalities of the expert if the expert embeds every source, else the shared ones.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a chosen pair that there cannot be, or when none is left
 */
export function pairsOf(
  { kind, unified, expert }: BondDirection,
  chosen: BondTraining['pairs'],
  { name, sources }: SourceSubset,
): readonly Pair[] {
  const ours = Object.keys(unified.tables);
  const theirs = Object.keys(expert.tables);
  const embedsAll = sources.every((source) => theirs.includes(source));
  const present = (modality: string): boolean => embedsAll || ours.includes(modality);

  const [projected, targets] = kind === 'displacement' ? [ours, theirs] : [theirs, ours];
  const [from, into] = kind === 'displacement' ? ['unified', 'expert'] : ['expert', 'unified'];
  const all = projected.flatMap((left) => targets.map((right) => [left, right] as const));
  const wanted = chosen === 'all' ? all : chosen;
  const stray = wanted.find(([left, right]) => !projected.includes(left) || !targets.includes(right));
  const pairs = wanted
    .filter(([left, right]) => (kind === 'displacement' ? present(right) : present(left)))
    .map(([left, right]) => ({
      left: { table: `${from}.${left}`, network: NETWORK },
      right: { table: `${into}.${right}` },
    }));
  if (stray === undefined && pairs.length > 0) return pairs;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${stray === undefined ? `No loss term is left for head "${name}"` : `There can be no pair [${stray.join(', ')}]`}: the first of a pair is projected, one of ${projected.join(', ')}; the second is its target, one of ${targets.join(', ')}.`,
  );
}

function parseTable(name: string): { readonly party: 'unified' | 'expert'; readonly modality: string } {
  const party = name.startsWith('unified.') ? 'unified' : 'expert';
  return { party, modality: name.slice(party.length + 1) };
}
