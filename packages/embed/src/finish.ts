import { readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FreebindError, isFreebindError } from '@freebind/core';
import {
  type AtomicFile,
  createFileAtomic,
  type FolderLock,
  idsPath,
  lockFolder,
  tableHead,
  type TableFormat,
  writeFileAtomic,
} from '@freebind/core/files';
import type { Neighbours } from './neighbours.ts';
import { skippedPath } from './neighbours.ts';
import { type Chunk, PartReader, type Totals } from './part.ts';
import { type RunIdentity, targetsOf, writeRecord } from './record.ts';
import { workRoot } from './shards.ts';

/** Complete parts that tables are made from. */
export interface FinishOptions {
  readonly out: string;
  readonly identity: RunIdentity;
  readonly format: TableFormat;
  /** Folders of the parts, by their shards' numbers. */
  readonly parts: readonly string[];
  /** Over all parts. */
  readonly totals: Totals;
  readonly neighbours: Neighbours | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A table that was written. */
export interface EmbeddedTable {
  readonly space: string;
  readonly path: string;
  readonly shape: readonly [rows: number, cols: number];
}

/** What the marker says while tables are written, and from when they are whole. */
const UNFINISHED = '';
const WHOLE = 'whole';

/** Names of the columns of a part: one of rows a space, ids, and skipped inputs as JSON lines. */
export function columnsOf({ spaces }: Pick<RunIdentity, 'spaces'>): readonly string[] {
  return [...spaces.map((_, s) => `rows-${s}`), 'ids.txt', 'skipped.jsonl'];
}

/**
 * Puts complete parts together: tables, ids and the list of skipped inputs, each written aside and renamed when all of them are
 * whole. Killed in between, the same run does it again, to the same bytes. The parts stay.
 *
 * @throws FREEBIND_CHECKPOINT_INVALID when a part's bytes are not what was written, FREEBIND_ROWS_MISALIGNED when the neighbours' rows are
 * those of other inputs, FREEBIND_OUTPUT_BUSY FREEBIND_WRITE_FAILED FREEBIND_ABORTED
 */
export async function writeTables(options: FinishOptions): Promise<readonly EmbeddedTable[]> {
  const { out, identity, format, totals, neighbours, signal } = options;
  const { modality, dtype } = identity;
  await neighbours?.checkRows(totals.rows);
  const targets = targetsOf(out, identity, format);
  const skipped = skippedPath(out, modality);
  const lock = await lockWhenFree(out, signal);
  const files: AtomicFile[] = [];
  try {
    await writeFileAtomic(markerPath(out, modality), UNFINISHED);
    for (const path of [...targets.map(({ path }) => path), idsPath(out, modality), skipped])
      files.push(await createFileAtomic(path));
    for (const [t, { space }] of targets.entries())
      await files[t]?.write(tableHead(format, { rows: totals.rows, cols: space.dimension, dtype }));
    const check = neighbours?.align();
    for await (const { pieces } of chunksInOrder(options)) {
      if (signal?.aborted === true)
        throw new FreebindError('FREEBIND_ABORTED', 'Stopped while the tables were written.');
      if (check !== undefined) for (const id of idsIn(pieces[targets.length])) await check(id);
      await Promise.all(files.map((file, f) => file.write(pieces[f] ?? new Uint8Array())));
    }
    await check?.();
    const [list, ids, ...tables] = [...files].reverse();
    await ids?.commit();
    if (totals.skipped > 0) await list?.commit();
    else if (neighbours === undefined) await rm(skipped, { force: true });
    for (const table of tables.reverse()) await table.commit();
    for (const target of targets) {
      // There only where it is to be replaced.
      await rm(target.twin, { force: true });
      await writeRecord(target, identity, totals);
    }
  } finally {
    await Promise.all(files.map((file) => file.discard()));
    await lock.release();
  }
  return targets.map(({ space, path }) => ({ space: space.id, path, shape: [totals.rows, space.dimension] }));
}

/** Whether tables of a modality were being written to `out` by a run that did not come to its end. */
export async function isFinishing(out: string, modality: string): Promise<boolean> {
  return (await readMarker(out, modality)) === UNFINISHED;
}

/** Says that the tables are whole, so that whoever is killed in clearing the parts away need only go on with that. */
export async function markWhole(out: string, modality: string): Promise<void> {
  await writeFileAtomic(markerPath(out, modality), WHOLE);
}

/** Whether the last tables of a modality that were written to `out` are whole, and their parts were being cleared away. */
export async function isWhole(out: string, modality: string): Promise<boolean> {
  return (await readMarker(out, modality)) === WHOLE;
}

/** Says that a part there is no longer one that the whole tables were made from. Other shards may do the same at once. */
export async function unmarkWhole(out: string, modality: string): Promise<void> {
  if (await isWhole(out, modality)) await rm(markerPath(out, modality), { force: true });
}

/** Removes what is left of a modality's unfinished work when its parts are gone. */
export async function clearMarker(out: string, modality: string): Promise<void> {
  await rm(markerPath(out, modality), { force: true });
  // Not empty while other shards or modalities are at work.
  await rmdir(workRoot(out, modality)).catch(() => undefined);
  await rmdir(dirname(workRoot(out, modality))).catch(() => undefined);
}

/** Chunks of all parts in the order of the list: they were dealt out in turn. */
async function* chunksInOrder({ parts, identity, totals }: FinishOptions): AsyncGenerator<Chunk, void, undefined> {
  const readers: PartReader[] = [];
  try {
    for (const part of parts) readers.push(await PartReader.open(part, columnsOf(identity)));
    const streams = readers.map((reader) => reader.chunks());
    for (let chunk = 0; chunk < totals.chunks; chunk++) {
      const next = await streams[chunk % parts.length]?.next();
      if (next === undefined || next.done === true)
        throw new FreebindError(
          'FREEBIND_CHECKPOINT_INVALID',
          `${parts[chunk % parts.length]} is damaged: chunk ${chunk} of ${totals.chunks} is not what was written. Run that ${parts.length === 1 ? 'command' : 'shard'} again; it goes on from there.`,
        );
      yield next.value.chunk;
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** The ids of a chunk, of its piece of them. */
function idsIn(piece: Uint8Array | undefined): readonly string[] {
  return new TextDecoder().decode(piece).split('\n').slice(0, -1);
}

/** The folder's lock, waited for: whoever else writes tables there needs it for seconds, and this run may have worked for days. */
async function lockWhenFree(out: string, signal: AbortSignal | undefined): Promise<FolderLock> {
  for (let tries = 0; ; tries++) {
    try {
      return await lockFolder(out);
    } catch (error) {
      if (!isFreebindError(error, 'FREEBIND_OUTPUT_BUSY') || tries === 60 || signal?.aborted === true) throw error;
      await wait(500);
    }
  }
}

async function readMarker(out: string, modality: string): Promise<string | undefined> {
  return readFile(markerPath(out, modality), 'utf8').catch(() => undefined);
}

function markerPath(out: string, modality: string): string {
  return join(workRoot(out, modality), 'finishing');
}
