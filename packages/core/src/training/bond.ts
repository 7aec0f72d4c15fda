import { join, resolve } from 'node:path';
import { type Arithmetic, arithmeticOf } from '../arithmetic.ts';
import type { Backend } from '../backend.ts';
import type { BondEnd, BondManifest } from '../bond.ts';
import { FreebindError } from '../errors.ts';
import { readBond, writeBond } from '../files/bond-folder.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { checkFolderFree } from '../files/network-folder.ts';
import type { Json, Provenance } from '../files/provenance.ts';
import type { Network } from '../network.ts';
import { type CollectOptions, collectPseudoPairs, pairPieces, type PseudoPairs } from '../pseudo-pairs/collect.ts';
import type { SourceSubset } from '../pseudo-pairs/source-subsets.ts';
import { checkPair, shapeOf, type SpaceTables } from '../pseudo-pairs/tuples.ts';
import { unitRows } from '../unit-rows.ts';
import { ADAM, BOND_TRAINING, bondId, type BondTraining, headsOf } from './bond-options.ts';
import { renameStage, type TrainingEvent } from './events.ts';
import { findOrFree, isFinished, plain, readFinished } from './finished.ts';
import { pairsOf, trainHead } from './head.ts';
import { headPiece, keepHead, originOf, takeHeads, type TrainedHead } from './head-pieces.ts';
import type { CheckpointOptions } from './run.ts';
import { describeTrainedOn, isMixed, isOneArithmetic } from './trained-on.ts';
import { discardWorkFolder, openWorkFolder } from './work-folder.ts';

/** One bond to train, and where to put it. */
export interface TrainBondOptions {
  readonly kind: BondManifest['kind'];
  /** Unpaired collections: rows of one modality are the same items in both spaces. */
  readonly unified: SpaceTables;
  readonly expert: SpaceTables;
  readonly backend: Backend;
  /** The bond's folder. Unfinished work stands beside it, in `OUT.training`, until the bond is whole. */
  readonly out: string;
  /** Default `bondId(…)`. */
  readonly id?: string;
  readonly training?: Partial<BondTraining>;
  readonly checkpoints?: Omit<CheckpointOptions, 'folder'>;
  /** Go on with unfinished work of the same run. Default true; false refuses it. */
  readonly resume?: boolean;
  /** Replace another bond, or unfinished work on one, that is there. Default false. */
  readonly replace?: boolean;
  /** A folder of finished pieces by content: tables of pseudo pairs and heads that are there are taken, new ones put there. */
  readonly reuse?: string;
  /** Only put together what the reuse folder has; a head that is not there is an error. Default false: it is trained. */
  readonly merge?: boolean;
  readonly signal?: AbortSignal;
  /** Makes the tables' rows, if they are still to be made; called before they are read and only if the bond is not there yet. */
  readonly prepare?: () => AsyncGenerator<TrainingEvent, void, undefined>;
}

/** A bond on disk. */
export interface TrainedBond {
  readonly path: string;
  readonly manifest: BondManifest;
  /** It was there, made from the same data with the same options. */
  readonly reused: boolean;
}

/**
 * Trains a bond: pseudo pairs, then one head for each source subset, then the bond's folder, whole or not at all. Killed at any
 * moment and started again, it goes on with the file or the training step that was under way.
 *
 * @throws FREEBIND_BOND_INVALID FREEBIND_ROWS_MISALIGNED FREEBIND_SHAPE_MISMATCH FREEBIND_ARGUMENT_INVALID before any work
 * @throws FREEBIND_NUMBER_INVALID naming the table and row that is no unit row
 * @throws FREEBIND_OUTPUT_EXISTS when `out` holds another bond, FREEBIND_OUTPUT_BUSY when another process is at work on it
 * @throws FREEBIND_CHECKPOINT_INVALID FREEBIND_TRAINING_DIVERGED FREEBIND_ABORTED FREEBIND_WRITE_FAILED
 */
export async function* trainBond(options: TrainBondOptions): AsyncGenerator<TrainingEvent, TrainedBond, undefined> {
  const { out, replace = false } = options;
  const plan = await planBond(options);
  const { id, manifest, provenance, made } = plan;
  const workPath = `${resolve(out)}.training`;
  const findBond = (): Promise<TrainedBond | undefined> =>
    findOrFree(
      async () => ((await isThere(out, made, replace)) ? { path: out, manifest, reused: true } : undefined),
      () => checkFolderFree(out, 'bond', options),
    );
  const there = await findBond();
  if (there !== undefined) {
    await discardWorkFolder(workPath);
    yield { type: 'done', stage: id, path: out, reused: true };
    return there;
  }

  // Heads that are there need no pseudo pairs.
  const taken = await takeHeads(options.reuse, plan);
  const left = plan.heads.filter(({ name }) => !taken.has(name));
  if (options.merge === true && left.length > 0) throw incomplete(options, plan, left);
  // Whichever backend began it, another may go on with it.
  const work = await openWorkFolder(workPath, made, options);
  try {
    // Another process may have finished it while this one waited for its turn.
    const late = await findBond();
    if (late !== undefined) {
      await work.remove();
      yield { type: 'done', stage: id, path: out, reused: true };
      return late;
    }
    const networks: Record<string, Network> = {};
    const lossCurve: Record<string, readonly number[]> = {};
    const heads: Record<string, TrainedHead> = {};
    const pairs = left.length === 0 ? undefined : yield* collectFor(options, plan, work);
    try {
      for (const head of plan.heads) {
        const there = taken.get(head.name);
        if (there !== undefined) yield { type: 'reuse', stage: stageOf(plan, head), what: 'the trained head' };
        const trained = there ?? (pairs && (yield* trainNewHead(options, plan, { head, pairs, work })));
        if (trained === undefined) throw new Error('A head is taken, or its pseudo pairs are there.');
        heads[head.name] = trained;
        networks[head.name] = trained.network;
        lossCurve[head.name] = trained.losses;
      }
    } finally {
      await pairs?.close();
    }
    const told = { ...provenance, lossCurve, ...originOf(heads, provenance.backend) };
    await writeBond(out, { manifest, networks }, told, { replace });
    await work.remove();
  } finally {
    await work.release();
  }
  yield { type: 'done', stage: id, path: out };
  return { path: out, manifest, reused: false };
}

/** Whether the bond is at `out`. @throws FREEBIND_OUTPUT_EXISTS when another is, unless `replace` */
export async function isThere(out: string, made: BondPlan['made'], replace: boolean): Promise<boolean> {
  const there = await readFinished(out, readBond, replace);
  const found = there && {
    manifest: there.bond.manifest,
    options: there.provenance.options,
    data: there.provenance.data,
  };
  return isFinished(out, found, made, replace);
}

/** Everything about a bond that is known before its first pair. */
export interface BondPlan {
  readonly id: string;
  readonly training: BondTraining;
  readonly heads: readonly SourceSubset[];
  readonly manifest: BondManifest;
  readonly provenance: Provenance & { readonly backend: Json; readonly data: Readonly<Record<string, string>> };
  /** What tells this bond from another. */
  readonly made: { readonly manifest: BondManifest; readonly options: unknown; readonly data: unknown };
  /** Of the backend that makes it. */
  readonly arithmetic: Arithmetic;
}

/** Checks what a bond is to be made of. @throws whatever of `trainBond` is refused before any work */
export async function planBond(options: TrainBondOptions): Promise<BondPlan> {
  const { kind, unified, expert, backend } = options;
  const training: BondTraining = { ...BOND_TRAINING, ...options.training };
  checkPair(unified, expert);
  const id = options.id ?? bondId(kind, unified.space, expert.space);
  const heads = headsOf(training, Object.keys(unified.tables));
  const manifest = manifestOf({ ...options, id }, heads);
  for (const head of heads) pairsOf(options, training.pairs, head);
  const provenance = {
    options: plain({ kind, ...training, epochs: { [kind]: training.epochs[kind] }, optimizer: ADAM }),
    seed: training.seed,
    backend: plain(backend.manifest),
    data: await fingerprints(unified, expert),
  };
  const made = { manifest, options: provenance.options, data: provenance.data };
  return { id, training, heads, manifest, provenance, made, arithmetic: arithmeticOf(backend.manifest) };
}

/** Names of the pieces that a bond is made of, in the reuse folder or to be put there. @throws as `planBond` */
export async function bondPieces(options: TrainBondOptions): Promise<readonly string[]> {
  const plan = await planBond(options);
  const pairs = pairPieces(pairSources(options, plan, { path: options.out }), plan.provenance.data);
  return [...pairs, ...plan.heads.map((head) => headPiece(plan, head))];
}

/** What a bond's pseudo pairs are collected from, into its work folder. */
export function pairSources(
  { unified, expert, backend, reuse, signal }: TrainBondOptions,
  { training, heads, provenance }: BondPlan,
  work: { readonly path: string },
): CollectOptions {
  return {
    unified,
    expert,
    backend,
    folder: join(work.path, 'pairs'),
    sources: [...new Set(heads.flatMap(({ sources }) => sources))],
    temperature: training.aggregationTemperature,
    normalise: training.normalise,
    seed: training.seed,
    ...(training.bank !== undefined && { bank: training.bank }),
    ...(reuse !== undefined && { reuse: { folder: reuse, fingerprints: provenance.data } }),
    ...(signal !== undefined && { signal }),
  };
}

/** Makes the tables' rows if they are still to be made, then the pseudo pairs. */
async function* collectFor(
  options: TrainBondOptions,
  plan: BondPlan,
  work: { readonly path: string },
): AsyncGenerator<TrainingEvent, PseudoPairs, undefined> {
  if (options.prepare !== undefined) yield* options.prepare();
  return yield* renameStage(`${plan.id}: pseudo pairs`, collectPseudoPairs(pairSources(options, plan, work)));
}

/** Trains one head of a bond; with a reuse folder it is put there too. */
export async function* trainNewHead(
  options: TrainBondOptions,
  plan: BondPlan,
  at: { readonly head: SourceSubset; readonly pairs: PseudoPairs; readonly work: { readonly path: string } },
): AsyncGenerator<TrainingEvent, TrainedHead, undefined> {
  const { head, pairs, work } = at;
  const { training } = plan;
  const folder = join(work.path, 'heads', encodeURIComponent(head.name));
  const run = trainHead({ ...options, training, head, pairs, folder });
  const { network, losses, trainedOn } = yield* renameStage(stageOf(plan, head), run);
  const { manifest } = options.backend;
  const trained = {
    network,
    losses,
    backend: plan.provenance.backend,
    ...(isMixed(trainedOn, manifest) && {
      note: `Head "${head.name}" was trained on ${describeTrainedOn(trainedOn)}.`,
    }),
  };
  // The piece's name says in what arithmetic it was made.
  if (options.reuse !== undefined && isOneArithmetic(trainedOn, manifest))
    await keepHead(options.reuse, plan, head, trained);
  return trained;
}

function stageOf({ id, heads }: BondPlan, head: SourceSubset): string {
  return `${id}: head ${heads.indexOf(head) + 1} of ${heads.length}, ${head.name}`;
}

function incomplete(
  { reuse }: TrainBondOptions,
  { id, heads }: BondPlan,
  left: readonly SourceSubset[],
): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_MISSING',
    `${left.length} of the ${heads.length} heads of "${id}" are not in ${reuse}: ${left.map(({ name }) => name).join(', ')}. Run the shards that train them (\`freebind train --part heads --bond ${id} --shard i/n\`), or leave out \`--merge\` to train them here.`,
  );
}

function manifestOf(options: TrainBondOptions & { readonly id: string }, heads: readonly SourceSubset[]): BondManifest {
  const { id, kind, unified, expert } = options;
  const [from, into] = kind === 'displacement' ? [unified, expert] : [expert, unified];
  return {
    id,
    kind,
    from: endOf(from),
    into: endOf(into),
    shared: Object.keys(unified.tables).filter((modality) => Object.hasOwn(expert.tables, modality)),
    heads: heads.map(({ name }) => name),
  };
}

function endOf(tables: SpaceTables): BondEnd {
  return { space: tables.space, dimension: shapeOf(tables).dimension };
}

/** Fingerprints of every table, by `SPACE.MODALITY`; reading them checks that every row is a unit row. */
async function fingerprints(...spaces: readonly SpaceTables[]): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { space, tables, fingerprints: known } of spaces) {
    for (const [modality, table] of Object.entries(tables))
      found[`${space}.${modality}`] = known?.[modality] ?? (await fingerprint(unitRows(table)));
  }
  return found;
}
