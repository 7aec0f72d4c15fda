import { join, resolve } from 'node:path';
import type { Backend } from '../backend.ts';
import type { BondData, BondEnd, BondManifest } from '../bond.ts';
import { readBond, writeBond } from '../files/bond-folder.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { checkFolderFree } from '../files/network-folder.ts';
import type { Provenance } from '../files/provenance.ts';
import { collectPseudoPairs } from '../pseudo-pairs/collect.ts';
import type { Network } from '../network.ts';
import type { SourceSubset } from '../pseudo-pairs/source-subsets.ts';
import { checkPair, shapeOf, type SpaceTables } from '../pseudo-pairs/tuples.ts';
import { unitRows } from '../unit-rows.ts';
import { ADAM, BOND_TRAINING, bondId, type BondTraining, headsOf } from './bond-options.ts';
import { renameStage, type TrainingEvent } from './events.ts';
import { isFinished, plain, readFinished } from './finished.ts';
import { pairsOf, trainHead } from './head.ts';
import type { CheckpointOptions } from './run.ts';
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
  const { kind, unified, expert, backend, out } = options;
  const training: BondTraining = { ...BOND_TRAINING, ...options.training };
  checkPair(unified, expert);
  const id = options.id ?? bondId(kind, unified.space, expert.space);
  const heads = headsOf(training, Object.keys(unified.tables));
  const manifest = manifestOf({ ...options, id }, heads);
  for (const head of heads) pairsOf(options, training.pairs, head);

  const provenance: Provenance = {
    options: plain({ kind, ...training, optimizer: ADAM }),
    seed: training.seed,
    backend: plain(backend.manifest),
    data: await fingerprints(unified, expert),
  };
  const made = { manifest, options: provenance.options, data: provenance.data };
  const there = await readFinished(out, readBond, options.replace);
  const found = there && {
    manifest: there.bond.manifest,
    options: there.provenance.options,
    data: there.provenance.data,
  };
  const workPath = `${resolve(out)}.training`;
  if (isFinished(out, found, made, options.replace)) {
    await discardWorkFolder(workPath);
    yield { type: 'done', stage: id, path: out, reused: true };
    return { path: out, manifest, reused: true };
  }
  await checkFolderFree(out, 'bond', options);

  const { id: backendId, precision } = backend.manifest;
  const identity = { ...made, backend: { id: backendId, precision } };
  const work = await openWorkFolder(workPath, identity, options);
  try {
    if (options.prepare !== undefined) yield* options.prepare();
    const pairs = yield* renameStage(
      `${id}: pseudo pairs`,
      collectPseudoPairs({
        unified,
        expert,
        backend,
        folder: join(work.path, 'pairs'),
        sources: [...new Set(heads.flatMap(({ sources }) => sources))],
        temperature: training.aggregationTemperature,
        normalise: training.normalise,
        seed: training.seed,
        ...(training.bank !== undefined && { bank: training.bank }),
        ...(options.signal !== undefined && { signal: options.signal }),
      }),
    );
    const networks: Record<string, Network> = {};
    const lossCurve: Record<string, readonly number[]> = {};
    try {
      for (const [i, head] of heads.entries()) {
        const stage = `${id}: head ${i + 1} of ${heads.length}, ${head.name}`;
        const folder = join(work.path, 'heads', encodeURIComponent(head.name));
        const trained = yield* renameStage(stage, trainHead({ ...options, training, head, pairs, folder }));
        networks[head.name] = trained.network;
        lossCurve[head.name] = trained.losses;
      }
    } finally {
      await pairs.close();
    }
    const bond: BondData = { manifest, networks };
    await writeBond(out, bond, { ...provenance, lossCurve }, { replace: options.replace ?? false });
    await work.remove();
  } finally {
    await work.release();
  }
  yield { type: 'done', stage: id, path: out };
  return { path: out, manifest, reused: false };
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
