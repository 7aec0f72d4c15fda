import { resolve } from 'node:path';
import { FreebindError, type Recipe, recipe, stackTables, type Table, type Tables } from '@freebind/core';
import type { FuseSection, LoadedConfig, RowsChoice, TrainSection } from '@freebind/core/config';
import { openTables, type TableFolder, tablePath } from '@freebind/core/files';
import {
  BOND_TRAINING,
  type BondTraining,
  FUSE_TRAINING,
  type FuseOptions,
  FUSEMIX_RATE,
  type FuseTraining,
  type RowsByModality,
  type TrainRecipeOptions,
} from '@freebind/core/training';
import { type OpenTable, openTable, readRowNumbers } from './tables.ts';

/** What the command line says in place of the config. */
export interface Overrides {
  readonly out?: string;
  readonly seed?: number;
}

/** The config's `train`, ready for a backend. `close` closes the tables. */
export interface TrainJob {
  readonly options: Omit<TrainRecipeOptions, 'backend' | 'signal' | 'resume' | 'replace' | 'training'> & {
    readonly training: BondTraining;
  };
  readonly tables: TableFolder;
  close(): Promise<void>;
}

/** One space of the config's `fuse`, ready for a backend. `close` closes the tables. */
export interface FuseJob {
  readonly options: Omit<FuseOptions, 'backend' | 'signal' | 'resume' | 'replace' | 'training'> & {
    readonly training: FuseTraining;
  };
  /** Tables to make with the space when it is there. */
  readonly embed: readonly { readonly modality: string; readonly input: Table; readonly path: string }[];
  close(): Promise<void>;
}

/**
 * Opens what a config's `train` names. Files are relative to the config; `out` is relative to here.
 *
 * @throws FREEBIND_CONFIG_INVALID when there is no `train` or no `tables`, and what its recipe, tables and row lists refuse
 */
export async function openTrainJob(config: LoadedConfig, overrides: Overrides): Promise<TrainJob> {
  const { recipe: parsed, training, train } = trainSettings(config, overrides);
  const { folder } = config;
  const { rows, factors, checkpoints, reuseGiB } = train;
  if (config.tables === undefined) throw missing(config, 'tables', '"tables"');
  const tables = await openTables(config.tables);
  try {
    const chosen = await rowsByModality(rows, tables, folder);
    const options: TrainJob['options'] = {
      recipe: parsed,
      tables,
      bonds: overrides.out === undefined ? (config.bonds ?? resolve(folder, 'bonds')) : resolve(overrides.out),
      training,
      ...(chosen !== undefined && { rows: chosen }),
      ...(factors !== undefined && { factors }),
      ...(checkpoints !== undefined && { checkpoints }),
      ...(reuseGiB !== undefined && { reuseBytes: reuseGiB * 2 ** 30 }),
    };
    return { options, tables, close: () => tables.close() };
  } catch (error) {
    await tables.close();
    throw error;
  }
}

/** What a config's `train` says without its tables. @throws FREEBIND_CONFIG_INVALID when there is none, and what its recipe refuses */
export function trainSettings(
  config: LoadedConfig,
  overrides: Overrides,
): { readonly recipe: Recipe; readonly training: BondTraining; readonly train: TrainSection } {
  const { train, seed = BOND_TRAINING.seed } = config;
  if (train === undefined) throw missing(config, 'train', '{ "recipe": "unified + c(expert)" }');
  const {
    recipe: source,
    rows: _rows,
    factors: _factors,
    checkpoints: _checkpoints,
    reuseGiB: _reuseGiB,
    epochs,
    ...settings
  } = train;
  const all = typeof epochs === 'number' ? { displacement: epochs, combination: epochs } : epochs;
  const training: BondTraining = {
    ...BOND_TRAINING,
    ...settings,
    epochs: { ...BOND_TRAINING.epochs, ...all },
    seed: overrides.seed ?? seed,
  };
  return { recipe: recipe(source), training, train };
}

/** Names of the spaces that a config fuses, or those of them that are `wanted`. @throws FREEBIND_CONFIG_INVALID FREEBIND_SPACE_UNKNOWN */
export function spacesToFuse(config: LoadedConfig, wanted: readonly string[] | undefined): readonly string[] {
  const names = Object.keys(config.fuse ?? {});
  if (names.length === 0)
    throw missing(config, 'fuse', '{ "my-space": { "modalities": { "image": "a.npy", "text": "b.npy" } } }');
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown === undefined) return wanted ?? names;
  throw new FreebindError(
    'FREEBIND_SPACE_UNKNOWN',
    `${config.file} fuses ${names.join(', ')}, but no "${unknown}". Add it under "fuse", or name one of these.`,
  );
}

/** Opens what a config's `fuse` names for one space. Files are relative to the config; `out` is relative to here. */
export async function openFuseJob(config: LoadedConfig, name: string, overrides: Overrides): Promise<FuseJob> {
  const { folder, seed = FUSE_TRAINING.seed } = config;
  const section = config.fuse?.[name];
  if (section === undefined) throw missing(config, `fuse.${name}`, '{ "modalities": … }');
  const { modalities, rows, source, checkpoints } = section;
  const opened: OpenTable[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((table) => table.close()));
  };
  const open = async (file: string): Promise<Table> => {
    const table = await openTable(resolve(folder, file));
    opened.push(table);
    return table.table;
  };
  try {
    const openAll = async (files: string | readonly string[]): Promise<readonly Table[]> => {
      const tables: Table[] = [];
      for (const file of typeof files === 'string' ? [files] : files) tables.push(await open(file));
      return tables;
    };
    const views: Record<string, readonly Table[]> = {};
    for (const [modality, files] of Object.entries(modalities)) views[modality] = await openAll(files);
    const embed: FuseJob['embed'][number][] = [];
    for (const [dir, tables] of Object.entries(section.embed ?? {})) {
      for (const [modality, files] of Object.entries(tables)) {
        const input = stackTables(await openAll(files));
        embed.push({ modality, input, path: tablePath(resolve(folder, dir), name, modality) });
      }
    }
    const options: FuseJob['options'] = {
      name,
      modalities: views,
      out: resolve(overrides.out ?? config.spaces ?? resolve(folder, 'spaces'), name),
      training: fuseTraining(section, overrides.seed ?? seed),
      ...(rows !== undefined && { rows: await rowNumbers(rows, folder) }),
      ...(source !== undefined && { source }),
      ...(checkpoints !== undefined && { checkpoints }),
    };
    return { options, embed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A section's settings over FuseMix's own. */
function fuseTraining(section: FuseSection, seed: number): FuseTraining {
  const {
    modalities: _modalities,
    rows: _rows,
    embed: _embed,
    source: _source,
    checkpoints: _checkpoints,
    ...given
  } = section;
  const { rate, temperature, optimizer, mixup, adapter, ...plain } = given;
  const { learned } = FUSE_TRAINING.temperature;
  return {
    ...FUSE_TRAINING,
    ...plain,
    seed,
    optimizer: { ...FUSE_TRAINING.optimizer, ...optimizer },
    adapter: { ...FUSE_TRAINING.adapter, ...adapter },
    ...(rate !== undefined && { rate: typeof rate === 'number' ? { ...FUSEMIX_RATE, peak: rate } : rate }),
    ...(mixup !== undefined && { mixup: typeof mixup === 'number' ? { kind: 'constant', alpha: mixup } : mixup }),
    ...(temperature !== undefined && {
      temperature:
        typeof temperature === 'number' ? { initial: temperature, ...(learned && { learned }) } : temperature,
    }),
  };
}

/** The row numbers that a config's `train` names, by modality. */
export async function rowsByModality(
  rows: TrainSection['rows'],
  tables: Pick<Tables, 'spaces' | 'modalities'>,
  folder: string,
): Promise<RowsByModality | undefined> {
  if (rows === undefined) return undefined;
  if (typeof rows === 'string' || isList(rows)) {
    const numbers = await rowNumbers(rows, folder);
    const modalities = new Set(tables.spaces.flatMap((space) => tables.modalities(space)));
    return Object.fromEntries([...modalities].map((modality) => [modality, numbers]));
  }
  const chosen: Record<string, Int32Array> = {};
  for (const [modality, choice] of Object.entries(rows)) chosen[modality] = await rowNumbers(choice, folder);
  return chosen;
}

async function rowNumbers(choice: RowsChoice, folder: string): Promise<Int32Array> {
  return typeof choice === 'string' ? readRowNumbers(resolve(folder, choice)) : Int32Array.from(choice);
}

function isList(value: TrainSection['rows']): value is readonly number[] {
  return Array.isArray(value);
}

function missing({ file }: LoadedConfig, key: string, example: string): FreebindError {
  return new FreebindError(
    'FREEBIND_CONFIG_INVALID',
    `${file} has no "${key}". Add one, such as "${key}": ${example}.`,
  );
}
