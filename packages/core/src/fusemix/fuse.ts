import { join, resolve } from 'node:path';
import { adapter } from '../adapter.ts';
import type { Backend, Pair } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { checkFolderFree } from '../files/network-folder.ts';
import type { Provenance } from '../files/provenance.ts';
import { type FusedSpaceData, readFusedSpace, writeFusedSpace } from '../files/space-folder.ts';
import { initialise, type Network } from '../network.ts';
import { random } from '../random.ts';
import type { SpaceManifest } from '../space.ts';
import { selectRows, stackTables } from '../table.ts';
import type { TrainingEvent } from '../training/events.ts';
import { findOrFree, isFinished, plain, readFinished } from '../training/finished.ts';
import { holdTables } from '../training/held-tables.ts';
import { type CheckpointOptions, train, type Trained } from '../training/run.ts';
import { describeTrainedOn, isMixed } from '../training/trained-on.ts';
import { discardWorkFolder, openWorkFolder, type WorkFolder } from '../training/work-folder.ts';
import { FUSE_TRAINING, type FuseTraining } from './fuse-options.ts';
import { type PreparedLatents, prepareLatents } from './prepared-latents.ts';
import { diverseSubset, uniformSubset } from './subset.ts';
import { combineViews, pairViews, type PairedViews, type Views } from './views.ts';

/** A space to fuse from unimodal encoders, and where to put it. */
export interface FuseOptions {
  /** The space's id. */
  readonly name: string;
  /** Encoder features of two or more modalities, paired by row: [n, d], not normalised, d as the encoder has it. */
  readonly modalities: Readonly<Record<string, Views>>;
  readonly backend: Backend;
  /** The space's folder. Unfinished work stands beside it, in `OUT.training`, until the space is whole. */
  readonly out: string;
  /** Numbers of the rows to train on. Default all. */
  readonly rows?: ArrayLike<number>;
  readonly training?: Partial<FuseTraining>;
  /** Paper, checkpoint and license that the space's manifest names. */
  readonly source?: Partial<SpaceManifest['source']>;
  readonly checkpoints?: Omit<CheckpointOptions, 'folder'>;
  /** Go on with unfinished work of the same run. Default true; false refuses it. */
  readonly resume?: boolean;
  /** Replace another space, or unfinished work on one, that is there. Default false. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/** A fused space on disk. */
export interface Fused {
  readonly path: string;
  readonly space: FusedSpaceData;
  /** It was there, made from the same data with the same options. */
  readonly reused: boolean;
}

/**
 * Fuses unimodal encoders into one space (FuseMix, section 4): an adapter a modality, all trained together by InfoNCE between
 * every two of them, on latents that are mixed within the batch. Each epoch shows one view of every item in each modality.
 * Killed at any moment and started again, it goes on with the step that was under way.
 *
 * @throws what `pairViews` refuses; FREEBIND_NUMBER_INVALID for NaN or Inf; FREEBIND_ARGUMENT_INVALID for rows that are not there
 * @throws FREEBIND_OUTPUT_EXISTS when `out` holds another space, FREEBIND_OUTPUT_BUSY when another process is at work on it
 * @throws FREEBIND_CHECKPOINT_INVALID FREEBIND_TRAINING_DIVERGED FREEBIND_ABORTED FREEBIND_WRITE_FAILED
 */
export async function* fuse(options: FuseOptions): AsyncGenerator<TrainingEvent, Fused, undefined> {
  const { name, backend, out } = options;
  const training: FuseTraining = { ...FUSE_TRAINING, ...options.training };
  const paired = pairViews(options.modalities);
  const items = await chooseItems(paired, options.rows, training);
  const manifest: SpaceManifest = {
    id: name,
    dimension: training.adapter.output,
    modalities: Object.keys(paired.views),
    source: {
      paper: 'FuseMix, CVPR 2024, arXiv 2312.10144',
      checkpoint: 'trained with freebind fuse',
      license: 'unknown',
      ...options.source,
    },
  };
  const provenance: Provenance = {
    options: plain({ ...training, items: items.length }),
    seed: training.seed,
    backend: plain(backend.manifest),
    data: await fingerprints(paired, items),
  };
  const made = { manifest, options: provenance.options, data: provenance.data };
  const workPath = `${resolve(out)}.training`;
  const findSpace = (): Promise<Fused | undefined> =>
    findOrFree(
      () => finishedSpace(out, made, options.replace),
      () => checkFolderFree(out, 'space', options),
    );
  const there = await findSpace();
  if (there !== undefined) {
    await discardWorkFolder(workPath);
    yield { type: 'done', stage: name, path: out, reused: true };
    return there;
  }

  // Whichever backend began it, another may go on with it.
  const work = await openWorkFolder(workPath, made, options);
  try {
    // Another process may have finished it while this one waited for its turn.
    const late = await findSpace();
    if (late !== undefined) {
      await work.remove();
      yield { type: 'done', stage: name, path: out, reused: true };
      return late;
    }
    const { space, losses, trainedOn } = yield* fuseLatents(options, { training, paired, items, manifest, work });
    const told = {
      ...provenance,
      lossCurve: { [name]: losses },
      ...(isMixed(trainedOn, backend.manifest) && { notes: [`Trained on ${describeTrainedOn(trainedOn)}.`] }),
    };
    await writeFusedSpace(out, space, told, { replace: options.replace ?? false });
    await work.remove();
    yield { type: 'done', stage: name, path: out };
    return { path: out, space, reused: false };
  } finally {
    await work.release();
  }
}

/** The space at `out`, if it is there. @throws FREEBIND_OUTPUT_EXISTS when another is, unless `replace` */
async function finishedSpace(out: string, made: unknown, replace = false): Promise<Fused | undefined> {
  const there = await readFinished(out, readFusedSpace, replace);
  if (there === undefined) return undefined;
  const { space, provenance } = there;
  const found = { manifest: space.manifest, options: provenance.options, data: provenance.data };
  return isFinished(out, found, made, replace) ? { path: out, space, reused: true } : undefined;
}

async function* fuseLatents(
  { name, backend, checkpoints, signal }: FuseOptions,
  parts: {
    readonly training: FuseTraining;
    readonly paired: PairedViews;
    readonly items: Int32Array;
    readonly manifest: SpaceManifest;
    readonly work: WorkFolder;
  },
): AsyncGenerator<
  TrainingEvent,
  Pick<Trained, 'trainedOn'> & { readonly space: FusedSpaceData; readonly losses: readonly number[] },
  undefined
> {
  const { training, paired, items, manifest, work } = parts;
  const prepared: Record<string, PreparedLatents> = {};
  try {
    for (const [modality, views] of Object.entries(paired.views)) {
      const stacked = stackTables(views.map((view) => selectRows(view, items)));
      const path = join(work.path, 'latents', encodeURIComponent(modality));
      const how = { latents: training.latents, backend, seed: training.seed, path, signal };
      prepared[modality] = yield* prepareLatents(`${name}: latents of ${modality}`, stacked, how);
    }
    const latents = Object.fromEntries(Object.entries(prepared).map(([m, { table }]) => [m, table]));
    const { tables: stacked, fromFiles } = await holdTables(latents);
    const { combinations, tables } = combineViews(stacked, items.length);
    const networks = Object.entries(tables).map(([modality, { cols }]): [string, Network] => [
      modality,
      initialise(
        adapter({ input: cols, ...training.adapter }),
        random(training.seed, 'initialise', modality),
        'fan-in',
      ),
    ]);
    const { optimizer, rate, epochs, batch, seed, mixup, shortBatch } = training;
    const trained = yield* train({
      stage: name,
      backend,
      networks: Object.fromEntries(networks),
      tables,
      fromFiles,
      objective: { pairs: everyTwo(Object.keys(tables)), temperature: training.temperature },
      optimizer,
      rate,
      epochs,
      batch,
      seed,
      shortBatch,
      views: combinations,
      ...(mixup !== false && { mixup }),
      checkpoints: { ...checkpoints, folder: join(work.path, 'checkpoints') },
      ...(signal !== undefined && { signal }),
    });
    const adapters = Object.entries(trained.networks).map(([modality, network]): [string, Network] => [
      modality,
      behind(prepared[modality]?.layer, network),
    ]);
    return {
      space: { manifest, adapters: Object.fromEntries(adapters), temperature: trained.temperature },
      // Seven digits are a float32's.
      losses: Array.from(trained.losses, (loss) => Number(loss.toPrecision(7))),
      trainedOn: trained.trainedOn,
    };
  } finally {
    await Promise.all(Object.values(prepared).map(({ close }) => close()));
  }
}

/** The frozen preparation in front of a trained adapter: one network from encoder features to the space. */
function behind(first: Network | undefined, { layers, weights }: Network): Network {
  return { layers: [...(first?.layers ?? []), ...layers], weights: { ...first?.weights, ...weights } };
}

function everyTwo(modalities: readonly string[]): readonly Pair[] {
  return modalities.flatMap((left, i) =>
    modalities
      .slice(i + 1)
      .map((right) => ({ left: { table: left, network: left }, right: { table: right, network: right } })),
  );
}

/** Rows to train on: those that were named, or all, or the subset of them that `training.subset` asks for. @throws FREEBIND_ARGUMENT_INVALID */
async function chooseItems(
  { items, views }: PairedViews,
  rows: ArrayLike<number> | undefined,
  { subset, seed }: FuseTraining,
): Promise<Int32Array> {
  const named = rows === undefined ? Int32Array.from({ length: items }, (_, i) => i) : Int32Array.from(rows);
  const stray =
    rows === undefined
      ? undefined
      : Array.from(rows).find((row) => !(Number.isInteger(row) && row >= 0 && row < items));
  if (stray !== undefined || named.length === 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${named.length === 0 ? 'No rows to train on were named' : `Row ${stray} was named to train on`}, but the tables have rows 0 to ${items - 1}.`,
    );
  }
  if (subset === undefined) return named;
  if (subset.method === 'uniform') return uniformSubset(named.length, subset.size, seed).map((i) => named[i] ?? -1);
  const by = subset.by ?? Object.keys(views)[0] ?? '';
  const table = views[by]?.[0];
  if (table === undefined) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The subset is to be chosen by "${by}", which is not fused; modalities are ${Object.keys(views).join(', ')}.`,
    );
  }
  return diverseSubset(await table.gather(named), subset.size).map((i) => named[i] ?? -1);
}

/** Fingerprints of the rows that are trained on, by `MODALITY` or, of several views, `MODALITY.VIEW`. */
async function fingerprints({ views }: PairedViews, items: Int32Array): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const [modality, tables] of Object.entries(views)) {
    for (const [i, table] of tables.entries()) {
      found[tables.length === 1 ? modality : `${modality}.${i}`] = await fingerprint(selectRows(table, items));
    }
  }
  return found;
}
