import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError, isFreebindError } from '../errors.ts';
import type { Table } from '../table.ts';
import { recoverFolder } from './leftovers.ts';
import { openNpy } from './npy.ts';
import { errnoOf, readError, readText } from './ranged-file.ts';
import { openSafetensors } from './safetensors.ts';
import { idsPath, parseTableName } from './table-name.ts';

/**
 * A folder of tables: `SPACE.MODALITY.npy` or `.safetensors` (one 2-D tensor), each the rows of one modality in one space.
 * Row i of a modality is the same item in every space. Ids may stand in `MODALITY.ids.txt`, one a line. Other files are let be.
 */
export interface TableFolder {
  readonly path: string;
  /** Sorted. */
  readonly spaces: readonly string[];
  /** Modalities that `space` has tables of, sorted; none for an unknown space. */
  modalities(space: string): readonly string[];
  has(space: string, modality: string): boolean;
  /** @throws FREEBIND_FILE_MISSING saying what is there */
  table(space: string, modality: string): Table;
  /** How many rows every table of `modality` has. @throws FREEBIND_FILE_MISSING when there is none */
  rows(modality: string): number;
  /** Ids of `modality`'s rows, or undefined where no file says them. @throws FREEBIND_ROWS_MISALIGNED when they are not one a row */
  ids(modality: string): Promise<readonly string[] | undefined>;
  /** Closes every table. Calling it twice is quiet. */
  close(): Promise<void>;
}

interface OpenTable {
  readonly space: string;
  readonly modality: string;
  readonly table: Table;
  readonly close: () => Promise<void>;
}

/** Opens every table of a folder and checks that the rows of each modality are aligned. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_ROWS_MISALIGNED */
export async function openTables(dir: string): Promise<TableFolder> {
  await recoverFolder(dir);
  const names = await readdir(dir).catch((cause: unknown) => {
    throw readError(dir, cause);
  });
  const tables: OpenTable[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(tables.map((open) => open.close()));
  };
  try {
    for (const name of names.sort()) {
      const parsed = parseTableName(name);
      if (parsed === undefined) continue;
      const { space, modality, format } = parsed;
      const path = join(dir, name);
      const opened = format === 'npy' ? await openNpyTable(path) : await openSafetensorsTable(path);
      const twin = tables.find((other) => other.space === space && other.modality === modality);
      tables.push({ space, modality, ...opened });
      if (twin !== undefined) {
        throw new FreebindError(
          'FREEBIND_FILE_INVALID',
          `${twin.table.source} and ${path} are both the table of ${modality} in "${space}". Keep one of them.`,
        );
      }
      const aligned = tables.find((other) => other.modality === modality);
      if (aligned !== undefined && aligned.table.rows !== opened.table.rows) {
        throw new FreebindError(
          'FREEBIND_ROWS_MISALIGNED',
          `${aligned.table.source} has ${aligned.table.rows} rows and ${path} has ${opened.table.rows}, but row i of ${modality} must be the same item in every space. Embed the same items in both, in the same order.`,
        );
      }
    }
  } catch (error) {
    await close();
    throw error;
  }

  const find = (space: string, modality: string): Table | undefined =>
    tables.find((open) => open.space === space && open.modality === modality)?.table;
  const there = (): string =>
    tables.length === 0
      ? `It has no tables at all; they are named SPACE.MODALITY.npy.`
      : `It has ${tables.map(({ space, modality }) => `${modality} in "${space}"`).join(', ')}.`;
  const rows = (modality: string): number => {
    const open = tables.find((each) => each.modality === modality);
    if (open !== undefined) return open.table.rows;
    throw new FreebindError('FREEBIND_FILE_MISSING', `${dir} has no table of ${modality}. ${there()}`);
  };
  return {
    path: dir,
    spaces: [...new Set(tables.map(({ space }) => space))].sort(),
    modalities: (space) =>
      tables
        .filter((open) => open.space === space)
        .map(({ modality }) => modality)
        .sort(),
    has: (space, modality) => find(space, modality) !== undefined,
    table: (space, modality) => {
      const table = find(space, modality);
      if (table !== undefined) return table;
      throw new FreebindError('FREEBIND_FILE_MISSING', `${dir} has no table of ${modality} in "${space}". ${there()}`);
    },
    rows,
    ids: async (modality) => {
      const path = idsPath(dir, modality);
      const ids = await readIds(path);
      if (ids === undefined || ids.length === rows(modality)) return ids;
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `${path} has ${ids.length} ids, but the tables of ${modality} have ${rows(modality)} rows. Write one id a line, in the order of the rows.`,
      );
    },
    close,
  };
}

async function openNpyTable(path: string): Promise<Pick<OpenTable, 'table' | 'close'>> {
  const table = await openNpy(path);
  return { table, close: () => table.close() };
}

async function openSafetensorsTable(path: string): Promise<Pick<OpenTable, 'table' | 'close'>> {
  const file = await openSafetensors(path);
  try {
    const [name, ...others] = file.names;
    if (name === undefined || others.length > 0) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} holds ${file.names.length} tensors (${file.names.slice(0, 5).join(', ')}), but a table file holds exactly one, 2-D. Split it.`,
      );
    }
    return { table: file.table(name), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The lines of a text file, the last one with or without its newline; undefined where there is no file. */
async function readIds(path: string): Promise<readonly string[] | undefined> {
  const text = await readText(path).catch((error: unknown) => {
    if (isFreebindError(error, 'FREEBIND_FILE_MISSING') && errnoOf(error.cause) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
