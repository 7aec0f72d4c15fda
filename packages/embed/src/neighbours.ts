import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { idsPath, openNpy, openSafetensors, parseTableName } from '@freebind/core/files';
import { writtenAt } from './changed.ts';
import type { Skipped } from './events.ts';
import { linesOf } from './lines.ts';

/** Tables of other spaces that are in a folder already, whose rows of the modality new ones must stay aligned with. */
export interface Neighbours {
  readonly paths: readonly string[];
  /** Why their run skipped an input; undefined where it has a row. */
  known(id: string): Skipped | undefined;
  /** What is called with the id of each input in order, and at the end without one. It throws FREEBIND_ROWS_MISALIGNED when their rows are those of other inputs. */
  align(): (id?: string) => Promise<void>;
  /** When the first of them was written, as `writtenAt` gives it. */
  writtenMs(): Promise<number>;
  /** @throws FREEBIND_ROWS_MISALIGNED when they have another number of rows */
  checkRows(rows: number): Promise<void>;
}

/** Rows of a table that is to be written. */
export interface RowsToWrite {
  readonly space: string;
  readonly modality: string;
  readonly rows: number;
  /** What stands for each row, in order, where that is known. */
  readonly ids?: readonly string[] | undefined;
}

/** Path of the list of inputs without a row, `DIR/MODALITY.skipped.jsonl`. */
export function skippedPath(dir: string, modality: string): string {
  return idsPath(dir, modality).replace(/ids\.txt$/, 'skipped.jsonl');
}

/** The tables of `modality` in `dir` but for those of `spaces`; undefined where there are none. `advice` is what a message tells to do. @throws FREEBIND_FILE_INVALID */
export async function findNeighbours(
  dir: string,
  modality: string,
  spaces: readonly string[],
  advice = 'Give the inputs it was made from, or embed all spaces in one run into another folder.',
): Promise<Neighbours | undefined> {
  const names = await readdir(dir).catch((): string[] => []);
  const paths = names.sort().flatMap((name) => {
    const parsed = parseTableName(name);
    return parsed?.modality === modality && !spaces.includes(parsed.space) ? [join(dir, name)] : [];
  });
  const [first] = paths;
  if (first === undefined) return undefined;
  const skipped = names.includes(basename(skippedPath(dir, modality)))
    ? await readSkipped(skippedPath(dir, modality))
    : new Map<string, Skipped>();
  const hasIds = names.includes(basename(idsPath(dir, modality)));
  const misaligned = (found: string): FreebindError =>
    new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `${first} is there already, and row i of ${modality} must be the same input in every space, but ${found}. ${advice}`,
    );
  return {
    paths,
    known: (id) => skipped.get(id),
    align: () => {
      const ids = hasIds ? linesOf(idsPath(dir, modality)) : undefined;
      let row = 0;
      return async (given) => {
        if (ids === undefined || (given !== undefined && skipped.has(given))) return;
        const { value: id } = await ids.next();
        if (given === undefined && typeof id === 'string')
          throw misaligned(`it has a row for ${id}, which is not given`);
        if (given !== undefined && id !== given)
          throw misaligned(`its row ${row} is ${id === undefined ? 'not there' : `of ${id}`}, and ${given} is given`);
        row++;
      };
    },
    writtenMs: async () => writtenAt(paths),
    checkRows: async (rows) => {
      const theirs = await rowsIn(first);
      if (theirs !== rows) throw misaligned(`it has ${theirs} rows, and there would be ${rows}`);
    },
  };
}

/**
 * Refuses rows that something else than `embedFiles` is to write to a folder, where row i is not the same input as in the tables of
 * other spaces there. Without `ids` only their number is compared. The message ends with `advice`, which says what to do.
 *
 * @throws FREEBIND_ROWS_MISALIGNED FREEBIND_FILE_INVALID
 */
export async function checkAligned(
  dir: string,
  { space, modality, rows, ids }: RowsToWrite,
  advice: string,
): Promise<void> {
  const neighbours = await findNeighbours(dir, modality, [space], advice);
  if (neighbours === undefined) return;
  if (ids !== undefined) {
    const check = neighbours.align();
    for (const id of ids) await check(id);
    await check();
  }
  await neighbours.checkRows(rows);
}

async function readSkipped(path: string): Promise<ReadonlyMap<string, Skipped>> {
  const skipped = new Map<string, Skipped>();
  for await (const line of linesOf(path)) {
    try {
      // Written by an earlier run.
      const one = JSON.parse(line) as Skipped;
      skipped.set(one.id, one);
    } catch (cause) {
      throw new FreebindError('FREEBIND_FILE_INVALID', `${path} is not one JSON object a line. Put it back.`, {
        cause,
      });
    }
  }
  return skipped;
}

async function rowsIn(path: string): Promise<number> {
  if (path.endsWith('.npy')) {
    const table = await openNpy(path);
    await table.close();
    return table.rows;
  }
  const file = await openSafetensors(path);
  await file.close();
  return file.info(file.names[0] ?? '').shape[0] ?? 0;
}
