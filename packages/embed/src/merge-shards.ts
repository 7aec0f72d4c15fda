import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { type TableFormat } from '@freebind/core/files';
import { discardWorkFolder, findDifference } from '@freebind/core/training';
import { type Embedded, noRows } from './embed-files.ts';
import type { EmbedEvent } from './events.ts';
import { clearMarker, type EmbeddedTable, isFinishing, isWhole, markWhole, writeTables } from './finish.ts';
import { findNeighbours } from './neighbours.ts';
import { readTotals, type Totals } from './part.ts';
import { findAnyMade, findMade, type RunIdentity, tableFiles, targetsOf } from './record.ts';
import { partFolder, shareOf, workRoot } from './shards.ts';

/** Which shards are put together. Neither the inputs nor the spaces are needed for it. */
export interface MergeOptions {
  readonly out: string;
  readonly modality: string;
  /** Ids of the spaces, in any order. */
  readonly spaces: readonly string[];
  /** Default npy. */
  readonly format?: TableFormat;
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Puts the shards of `embedFiles` together, to the bytes of a run without shards. Killed at any moment, it does the rest when it
 * is run again.
 *
 * @throws FREEBIND_FILE_MISSING naming the shards that are not complete, FREEBIND_CHECKPOINT_INVALID when they are of different
 * runs, FREEBIND_ROWS_MISALIGNED when rows of other spaces in the folder are those of other inputs, FREEBIND_OUTPUT_EXISTS FREEBIND_OUTPUT_BUSY FREEBIND_WRITE_FAILED FREEBIND_ABORTED
 */
export async function* mergeShards(options: MergeOptions): AsyncGenerator<EmbedEvent, Embedded, undefined> {
  const { out, modality, spaces, format = 'npy', replace = false, signal } = options;
  const count = await countOf(out, modality);
  if (count === undefined) return yield* takeMerged(options);
  const parts = Array.from({ length: count }, (_, index) => partFolder(out, modality, { index, count }));
  const there = await whichAreThere(parts);
  const identity = await commonIdentity(there, spaces);
  const targets = identity === undefined ? [] : targetsOf(out, identity, format);
  if (await isWhole(out, modality)) {
    // Unless the shards are of a later run: then their tables are not there yet.
    const made = identity === undefined || (await findMade(targets, identity).catch(() => undefined)) !== undefined;
    if (made) {
      for (const part of parts) await discardWorkFolder(part);
      return yield* takeMerged(options);
    }
  }
  if (identity === undefined || there.length < count) throw notThere(parts.find((part) => !there.includes(part)));
  const totals = await completeTotals(parts, identity);
  if (!replace && !(await isFinishing(out, modality))) await findMade(targets, identity);
  const neighbours = await findNeighbours(out, modality, spaces);
  if (totals.rows === 0) throw noRows(totals.skipped);
  const tables = await writeTables({ out, identity, format, parts, totals, neighbours, signal });
  await markWhole(out, modality);
  for (const { space, path } of tables) yield { type: 'done', stage: space, path };
  // Killed from here on, the next merge goes on here.
  for (const part of parts) await discardWorkFolder(part);
  await clearMarker(out, modality);
  return { tables, rows: totals.rows, skipped: totals.skipped, reused: false };
}

/** What an earlier merge made, for a scheduler that runs a merge again. */
async function* takeMerged({
  out,
  modality,
  spaces,
  format = 'npy',
}: MergeOptions): AsyncGenerator<EmbedEvent, Embedded> {
  const paths = spaces.map((space) => ({ space, ...tableFiles(out, space, modality, format) }));
  const made = await findAnyMade(paths);
  const [first] = made ?? [];
  if (made === undefined || first === undefined)
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `There are no shards of ${modality} in ${workRoot(out, modality)}. Make them first (\`--shard 0/4\`, …), all with this folder as \`--out\`.`,
    );
  const tables = paths.map(({ space, path }, i): EmbeddedTable => ({
    space,
    path,
    shape: [made[i]?.rows ?? 0, made[i]?.dimension ?? 0],
  }));
  await clearMarker(out, modality);
  for (const { space, path } of paths) yield { type: 'done', stage: space, path, reused: true };
  return { tables, rows: first.rows, skipped: first.skipped, reused: true };
}

/** Into how many shards the work in a folder was divided; undefined where there is none. */
async function countOf(out: string, modality: string): Promise<number | undefined> {
  const root = workRoot(out, modality);
  const names = await readdir(root).catch((): string[] => []);
  const counts = [...new Set(names.flatMap((name) => /^\d+-of-(\d+)$/.exec(name)?.[1] ?? []))].map(Number);
  if (counts.length <= 1) return counts[0];
  throw new FreebindError(
    'FREEBIND_CHECKPOINT_INVALID',
    `${root} holds shards of ${counts.join(' and of ')}; only one division can be merged. Delete the folders of the others.`,
  );
}

async function whichAreThere(parts: readonly string[]): Promise<readonly string[]> {
  const there = [];
  for (const part of parts)
    if ((await stat(join(part, 'run.json')).catch(() => undefined)) !== undefined) there.push(part);
  return there;
}

function notThere(part = ''): FreebindError {
  return new FreebindError('FREEBIND_FILE_MISSING', `The shard ${part} is not there. Run it first.`);
}

/** What shards that are there were made from; undefined of none. */
async function commonIdentity(parts: readonly string[], spaces: readonly string[]): Promise<RunIdentity | undefined> {
  let first: RunIdentity | undefined;
  for (const part of parts) {
    const text = await readFile(join(part, 'run.json'), 'utf8');
    // Written by `openWorkFolder` from what `embedFiles` gave it.
    const { shard: _, ...identity } = JSON.parse(text) as RunIdentity & { readonly shard: unknown };
    const difference = first === undefined ? undefined : findDifference(first, identity);
    if (difference !== undefined)
      throw new FreebindError(
        'FREEBIND_CHECKPOINT_INVALID',
        `${parts[0]} and ${part} are shards of different runs: ${difference}. Run the second again like the first (\`--force\`).`,
      );
    first ??= identity;
  }
  if (first === undefined) return undefined;
  const own = first.spaces.map(({ id }) => id);
  if (own.length === spaces.length && own.every((id) => spaces.includes(id))) return first;
  throw new FreebindError(
    'FREEBIND_SPACE_MISMATCH',
    `The shards are of ${own.join(', ')}, but ${spaces.join(', ')} was asked for. Name the same spaces.`,
  );
}

/** Sums over shards that are all complete. */
async function completeTotals(parts: readonly string[], { inputs, batch }: RunIdentity): Promise<Totals> {
  let sum: Totals = { chunks: 0, items: 0, rows: 0, skipped: 0 };
  const missing: string[] = [];
  for (const [index, part] of parts.entries()) {
    const { chunks, items, rows, skipped } = await readTotals(part);
    const share = shareOf(inputs.items, batch, { index, count: parts.length });
    if (chunks !== share.chunks)
      missing.push(`shard ${index} of ${parts.length} has ${items} of ${share.items} inputs`);
    sum = {
      chunks: sum.chunks + chunks,
      items: sum.items + items,
      rows: sum.rows + rows,
      skipped: sum.skipped + skipped,
    };
  }
  if (missing.length === 0) return sum;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `The shards are not complete: ${missing.slice(0, 3).join('; ')}${missing.length > 3 ? `; and ${missing.length - 3} more` : ''}. Run those again; they go on where they were.`,
  );
}
