import { readFile, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { SpaceManifest } from '@freebind/core';
import { FreebindError } from '@freebind/core';
import { type NpyDtype, RangedFile, tablePath, type TableFormat, writeFileAtomic } from '@freebind/core/files';
import { findDifference } from '@freebind/core/training';
import type { Listing } from './listing.ts';

/** What decides the bytes of each table of a run. */
export interface RunSettings {
  readonly modality: string;
  readonly dtype: NpyDtype;
  /** Inputs of one batch; on its size a graph's last bits may depend. */
  readonly batch: number;
  readonly inputs: Listing;
}

/** Everything that decides the bytes of tables, as plain data: unfinished work is gone on with, and finished work taken, only where it is equal. */
export interface RunIdentity extends RunSettings {
  readonly spaces: readonly SpaceIdentity[];
}

/** A space and what its rows depend on. */
export interface SpaceIdentity {
  readonly id: string;
  readonly dimension: number;
  readonly source: SpaceManifest['source'];
  readonly depends: Readonly<Record<string, string>>;
}

/** What is written beside a table, `SPACE.MODALITY.json`: how it came to be. */
interface TableRecord extends RunSettings {
  readonly space: SpaceIdentity;
  readonly rows: number;
  readonly skipped: number;
  /** CRC-32 of the first bytes of the table, as `headOf` gives it: by it a table that something else wrote since is told apart. Older records lack it. */
  readonly head?: number;
}

/** The files of a table in a table folder. */
export interface TableFiles {
  readonly path: string;
  /** What it is called in the other format. A space has one table of a modality. */
  readonly twin: string;
  /** What `embedFiles` says of how it made the table. */
  readonly record: string;
}

/** A table that a run is to make. */
export interface Target extends TableFiles {
  readonly space: SpaceIdentity;
}

/** Holds the shape and the first rows, which are others in a table of other inputs; and it takes no time to read. */
const HEAD_BYTES = 2 ** 16;

/** The tables of a run in `out`, in the order of its spaces. */
export function targetsOf(out: string, { modality, spaces }: RunIdentity, format: TableFormat): readonly Target[] {
  return spaces.map((space) => ({ space, ...tableFiles(out, space.id, modality, format) }));
}

/** Where the table of `modality` in `space` and what belongs to it are. Default npy. */
export function tableFiles(out: string, space: string, modality: string, format: TableFormat = 'npy'): TableFiles {
  return {
    path: tablePath(out, space, modality, format),
    twin: tablePath(out, space, modality, format === 'npy' ? 'safetensors' : 'npy'),
    record: tablePath(out, space, modality).replace(/npy$/, 'json'),
  };
}

/** Writes what a finished table was made from. @throws FREEBIND_WRITE_FAILED */
export async function writeRecord(
  { path, record, space }: Target,
  identity: RunIdentity,
  { rows, skipped }: { readonly rows: number; readonly skipped: number },
): Promise<void> {
  const content: TableRecord = { space, ...settingsOf(identity), rows, skipped, head: await headOf(path) };
  await writeFileAtomic(record, `${JSON.stringify(content, undefined, 2)}\n`);
}

/**
 * Rows and skipped inputs of the tables, if all of them are there and were made from the same; undefined if none is there.
 *
 * @throws FREEBIND_OUTPUT_EXISTS when one of them is there in the other format, or was made by somebody else or from something else, saying what
 */
export async function findMade(
  targets: readonly Target[],
  identity: RunIdentity,
): Promise<{ readonly rows: number; readonly skipped: number } | undefined> {
  let made: TableRecord | undefined;
  let there = 0;
  for (const { path, twin, record, space } of targets) {
    if (await isThere(twin))
      throw new FreebindError(
        'FREEBIND_OUTPUT_EXISTS',
        `${twin} is there already, and a space has one table of ${identity.modality}. Ask for its format (\`--format\`), choose another folder, or ask for it to be replaced (\`--force\`).`,
      );
    if (!(await isThere(path))) continue;
    there++;
    made = await readRecord(record);
    const difference =
      made === undefined
        ? 'there is no record of how'
        : (findDifference({ space: made.space, ...settingsOf(made) }, { space, ...settingsOf(identity) }) ??
          ((await isOf(made, path)) ? undefined : 'something else wrote it since'));
    if (difference !== undefined)
      throw new FreebindError(
        'FREEBIND_OUTPUT_EXISTS',
        `${path} is there already, and was not made by this run (${difference}). Choose another folder, or ask for it to be replaced (\`--force\`).`,
      );
  }
  if (made === undefined || there === targets.length) return made;
  const [first] = targets;
  throw new FreebindError(
    'FREEBIND_OUTPUT_EXISTS',
    `${there} of the ${targets.length} tables are there already, such as that of "${made.space.id}". Leave their spaces out to add the others, or ask for all to be replaced (\`--force\`), ${first?.path} among them.`,
  );
}

/** Rows and skipped inputs of tables that are there with their records, whatever they were made from; undefined unless all of them are. */
export async function findAnyMade(
  targets: readonly TableFiles[],
): Promise<readonly { readonly dimension: number; readonly rows: number; readonly skipped: number }[] | undefined> {
  const made = [];
  for (const { path, record } of targets) {
    const found = (await isThere(path)) ? await readRecord(record) : undefined;
    if (found === undefined || !(await isOf(found, path))) return undefined;
    made.push({ dimension: found.space.dimension, rows: found.rows, skipped: found.skipped });
  }
  return made;
}

function settingsOf({ modality, dtype, batch, inputs }: RunSettings): RunSettings {
  return { modality, dtype, batch, inputs };
}

/** Whether a record is of the table at `path`, as far as it says. */
async function isOf({ head }: TableRecord, path: string): Promise<boolean> {
  return head === undefined || head === (await headOf(path));
}

async function headOf(path: string): Promise<number> {
  const file = await RangedFile.open(path);
  try {
    return crc32(new Uint8Array(await file.read(0, Math.min(HEAD_BYTES, file.size))));
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function readRecord(path: string): Promise<TableRecord | undefined> {
  try {
    // Written by `writeRecord`; what else it may be differs from what is expected, or is not JSON.
    return JSON.parse(await readFile(path, 'utf8')) as TableRecord;
  } catch {
    return undefined;
  }
}
