import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, recipe } from '@freebind/core';
import { fingerprint, openTables, readFusedSpace, type TableFolder, writeFileAtomic } from '@freebind/core/files';
import type { TrainingEvent } from '@freebind/core/training';
import { tidy } from '@freebind/report';
import { type Bonds, trainBonds } from './bonds.ts';
import { evaluateAll } from './evaluation.ts';
import { renderReport } from './report/index.ts';
import type { LossCurve, Modality, QuickstartResult, TrainedPart } from './result.ts';
import { claimFolder, changeOf, type RunFolder } from './run-folder.ts';
import { type QuickstartEvent, stageRunner } from './stages.ts';
import { FAST, FULL, type Settings } from './settings.ts';
import { evaluationMedia, foldersOf, fuseSpace, poolItems, poolMedia, writeTables } from './spaces.ts';
import { MODALITIES, openStarter, seenBy, type Starter } from './starter.ts';
import { checkSeed, disjointRows } from './seeded.ts';

export interface QuickstartOptions {
  /** Folder for spaces, tables, bonds, the recipe and the report. */
  readonly out: string;
  readonly backend: Backend;
  /** Default 0. */
  readonly seed?: number;
  /** Fewer steps, and no controls that need training. */
  readonly fast?: boolean;
  /** In place of what `fast` decides. */
  readonly settings?: Settings;
  /** A folder of starter tables; default the packaged ones. */
  readonly tables?: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: QuickstartEvent) => void;
}

/** Names of the files that a quickstart ends with. */
export const RESULT_FILE = 'result.json';
export const REPORT_FILE = 'report.html';

const BOUND = 'u + d(vt) + c(at)';

/**
 * FuseMix and FreeBind on the starter's tables: fuses the spaces, trains the bonds on unpaired pools, chooses factors on
 * validation concepts, evaluates once on test and unseen ones, and writes everything with a report into `out`. A run that
 * was stopped or killed goes on where it was; one that is finished is read.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a seed that is none, FREEBIND_OUTPUT_EXISTS FREEBIND_OUTPUT_BUSY FREEBIND_ABORTED
 * FREEBIND_WRITE_FAILED, and FREEBIND_FILE_INVALID or FREEBIND_FILE_MISSING for damaged tables
 */
export async function quickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  const { out, backend, seed = 0, fast = false, settings = fast ? FAST : FULL } = options;
  checkSeed(seed);
  const starter = await openStarter(options.tables);
  try {
    const { id, precision } = backend.manifest;
    const data = await fingerprintFolder(starter.folder);
    const folder = await claimFolder(out, { formatVersion: 1, seed, fast, backend: id, precision, settings, data });
    try {
      return (await readResult(out)) ?? (await work({ ...options, seed, fast, settings }, starter, folder));
    } catch (error) {
      throw await changeOf(error, out, Object.values(foldersOf(out)));
    } finally {
      await folder.release();
    }
  } finally {
    await starter.close();
  }
}

/** One recipe to train bonds of. */
interface BondRun {
  readonly recipe: string;
  /** Folder among the bonds. */
  readonly into: string;
  readonly heads?: Settings['bond']['heads'];
  readonly epochs?: number;
  readonly rows?: Readonly<Record<Modality, Int32Array>>;
}

type Chosen = QuickstartOptions & { readonly seed: number; readonly fast: boolean; readonly settings: Settings };

async function work(options: Chosen, starter: Starter, folder: RunFolder): Promise<QuickstartResult> {
  const { out, backend, seed, settings, signal } = options;
  const folders = foldersOf(out);
  const seen = seenBy(starter.splits);
  const unified = Int32Array.from(starter.splits.unified);
  const { steps, controls } = settings;
  const losses: LossCurve[] = [];
  const trained: TrainedPart[] = [];
  const stages = 6 + (steps.supervised > 0 ? 1 : 0) + Object.values(controls).filter((epochs) => epochs > 0).length;

  const stage = stageRunner({ stages, folder, signal, tell: options.onEvent });

  const space = async (
    name: string,
    modalities: readonly Modality[],
    rows: Int32Array,
    { count, what }: { readonly count: number; readonly what: string },
  ): Promise<Parameters<typeof writeTables>[2][number]> => {
    const path = join(folders.spaces, name);
    const { space: fused, seconds } = await stage.run(
      `space ${name}`,
      fuseSpace({ name, modalities, rows, steps: count, seed, starter, backend, out: path, signal }),
    );
    const curve = (await readFusedSpace(path)).provenance.lossCurve?.[name] ?? [];
    losses.push({ stage: `space ${name}`, points: sampled(curve) });
    trained.push({ stage: `space ${name}`, what, rows: rows.length, steps: curve.length, seconds });
    return fused;
  };
  const views = (modality: Modality): string =>
    `${starter.training[modality].length} ${{ audio: 'voices', image: 'artists', text: 'ways of writing' }[modality]}`;
  const spaces = [
    await space('u', MODALITIES, unified, {
      count: steps.unified,
      what: `${unified.length} audio-image-text triples by ${views('image')} and ${views('audio')}`,
    }),
    await space('vt', ['image', 'text'], seen, {
      count: steps.experts,
      what: `${seen.length} image-text pairs by ${views('image')}`,
    }),
    await space('at', ['audio', 'text'], seen, {
      count: steps.experts,
      what: `${seen.length} audio-text pairs by ${views('audio')}`,
    }),
  ];
  const all =
    steps.supervised === 0
      ? []
      : [
          await space('all', MODALITIES, seen, {
            count: steps.supervised,
            what: `${seen.length} audio-image-text triples`,
          }),
        ];

  const items = Object.fromEntries(MODALITIES.map((m) => [m, poolItems(starter, m, seen, seed)] as const));
  const itemsOf = (modality: Modality): ReturnType<typeof poolItems> => items[modality] ?? [];
  await stage.run('tables', writeAll());
  async function* writeAll(): AsyncGenerator<TrainingEvent, { readonly reused: boolean }, undefined> {
    const how = { backend, ...(signal !== undefined && { signal }) };
    const media = byModality((m) => poolMedia(starter, m, itemsOf(m)));
    let reused = await writeTables(join(folders.tables, 'pool'), media, spaces, how);
    for (const split of ['validation', 'test', 'unseen'] as const) {
      const paired = byModality((m) => evaluationMedia(starter, m, starter.splits[split]));
      reused = (await writeTables(join(folders.tables, split), paired, [...spaces, ...all], how)) && reused;
    }
    yield { type: 'done', stage: 'tables', path: folders.tables };
    return { reused };
  }

  const opened: TableFolder[] = [];
  const open = async (name: string): Promise<TableFolder> => {
    const tables = await openTables(join(folders.tables, name));
    opened.push(tables);
    return tables;
  };
  try {
    const pool = await open('pool');
    const bind = async (name: string, { recipe: text, into, ...changes }: BondRun): Promise<Bonds> => {
      const { epochs, heads = settings.bond.heads, rows } = changes;
      const made = await stage.run(
        name,
        trainBonds({
          recipe: recipe(text),
          tables: pool,
          ...(rows !== undefined && { rows }),
          training: {
            ...settings.bond,
            heads,
            seed,
            ...(epochs !== undefined && { epochs: { displacement: epochs, combination: epochs } }),
          },
          backend,
          out: join(folders.bonds, into),
          signal,
        }),
      );
      for (const [stage, curve] of Object.entries(made.losses))
        losses.push({ stage: `${name}: ${stage}`, points: sampled(curve) });
      const counts = MODALITIES.map((m) => rows?.[m]?.length ?? itemsOf(m).length);
      trained.push({
        stage: name,
        what: `unpaired pools: ${MODALITIES.map((m, i) => `${counts[i]} ${m} rows`).join(', ')}`,
        rows: counts.reduce((sum, n) => sum + n, 0),
        steps: Object.values(made.losses).reduce((sum, { length }) => sum + length, 0),
        seconds: made.seconds,
      });
      return made;
    };
    const bound = await bind(`bonds of ${BOUND}`, { recipe: BOUND, into: 'bound' });
    const others: Record<string, Bonds> = {};
    const control = async (id: keyof Settings['controls'], name: string, what: BondRun): Promise<void> => {
      const epochs = controls[id];
      if (epochs > 0) others[id] = await bind(name, { ...what, epochs });
    };
    await control('alone', 'bond of u + c(at)', { recipe: 'u + c(at)', into: 'alone' });
    await control('sevenHeads', 'seven heads', { recipe: BOUND, into: 'seven-heads', heads: 'all' });
    const rows = byModality((m) => disjointRows(itemsOf(m), seen, MODALITIES.indexOf(m), seed));
    await control('disjoint', 'pools without common concepts', { recipe: BOUND, into: 'disjoint', rows });
    await control('direct', 'bond of vt + c(at)', { recipe: 'vt + c(at)', into: 'direct' });

    const tables = { validation: await open('validation'), test: await open('test'), unseen: await open('unseen') };
    const evaluated = await stage.run('factors and evaluation', evaluateStage());
    async function* evaluateStage(): AsyncGenerator<
      TrainingEvent,
      Awaited<ReturnType<typeof evaluateAll>> & { readonly reused: boolean },
      undefined
    > {
      const found = await evaluateAll({ starter, tables, bonds: { bound, ...others }, settings, backend, seed });
      await writeFileAtomic(join(out, 'recipe.json'), `${JSON.stringify(found.recipe, undefined, 2)}\n`);
      yield { type: 'done', stage: 'factors and evaluation' };
      return { ...found, reused: false };
    }
    const { recipe: _, reused: __, seconds: ___, ...figures } = evaluated;
    const result: QuickstartResult = {
      formatVersion: 1,
      seed,
      backend: `${backend.manifest.id} (${backend.manifest.device})`,
      fast: options.fast,
      concepts: starter.concepts.length,
      splits: Object.fromEntries(Object.entries(starter.splits).map(([name, rows]) => [name, rows.length])),
      stages: stage.times,
      losses,
      trained,
      ...figures,
    };
    await writeFileAtomic(join(out, REPORT_FILE), renderReport(result));
    await writeFileAtomic(join(out, RESULT_FILE), `${JSON.stringify(result)}\n`);
    return result;
  } finally {
    await Promise.all(opened.map((each) => each.close()));
  }
}

function byModality<T>(make: (modality: Modality) => T): Readonly<Record<Modality, T>> {
  return { audio: make('audio'), image: make('image'), text: make('text') };
}

/** At most a hundred points of a curve, its last among them. */
function sampled(curve: readonly number[]): LossCurve['points'] {
  const every = Math.ceil(curve.length / 100);
  return curve.flatMap((loss, i) =>
    (i + 1) % every === 0 || i + 1 === curve.length ? [[i + 1, tidy(loss)] as const] : [],
  );
}

/** The result of a run that came to its end, its stages marked as reused. */
async function readResult(out: string): Promise<QuickstartResult | undefined> {
  try {
    await readFile(join(out, REPORT_FILE));
    // Written last, whole, by a run of the same identity.
    const result = JSON.parse(await readFile(join(out, RESULT_FILE), 'utf8')) as QuickstartResult;
    return { ...result, stages: result.stages.map(({ name, seconds }) => ({ name, seconds, reused: true })) };
  } catch {
    return undefined;
  }
}

async function fingerprintFolder(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(folder)).toSorted()) found[name] = await fingerprint(join(folder, name));
  return found;
}
