import { availableParallelism } from 'node:os';
import { FreebindError, type Modality, type Space } from '@freebind/core';
import { NPY_FORMATS, type TableFormat } from '@freebind/core/files';
import { discardWorkFolder, openWorkFolder, paceMeter, type Shard, type WorkFolder } from '@freebind/core/training';
import { findChanged, LOOKS, warnBeside, warnOf, writtenAt } from './changed.ts';
import { type ChunkOptions, embedChunk } from './embed-chunk.ts';
import type { EmbedEvent, Skipped } from './events.ts';
import {
  clearMarker,
  columnsOf,
  type EmbeddedTable,
  isFinishing,
  isWhole,
  unmarkWhole,
  writeTables,
} from './finish.ts';
import type { Item, Items } from './items.ts';
import { chunksOf, listItems } from './listing.ts';
import { mapAhead } from './map-ahead.ts';
import { findNeighbours, type Neighbours, skippedPath } from './neighbours.ts';
import { isUnbegun, Part, type Totals } from './part.ts';
import { checkReadable, openReader } from './read-item.ts';
import { findMade, type RunIdentity, targetsOf } from './record.ts';
import { checkShard, isOwn, partFolder, shareOf, WHOLE } from './shards.ts';

/** What is embedded, and where the tables go. */
export interface EmbedOptions {
  /** Each file is read once for all of them, and sound is decoded once. An input that one refuses has a row in none, so rows stay aligned. */
  readonly spaces: readonly Space[];
  readonly modality: Modality;
  readonly items: Items;
  /** The table folder. Unfinished work is kept in `.embed` in it. */
  readonly out: string;
  /** Default f4; f2 rows are within 5e-4 of length one. */
  readonly dtype?: 'f2' | 'f4';
  /** Default npy. */
  readonly format?: TableFormat;
  /** Inputs that meet in one batch. Default 16. On it a graph's last bits may depend, so it is part of what a run is. */
  readonly batch?: number;
  /** Threads that decode sounds, and files of a batch that are read at a time. Default: one a core. */
  readonly workers?: number;
  /** Stop at the first input that has no row, instead of skipping it. */
  readonly strict?: boolean;
  /** Do only this share, to be put together by `mergeShards`. */
  readonly shard?: Shard;
  /** Throw away other unfinished work, and replace tables that are there. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/** What a run made. Of a shard there are no tables yet. */
export interface Embedded {
  readonly tables: readonly EmbeddedTable[];
  readonly rows: number;
  readonly skipped: number;
  /** True when all of it had been there before. */
  readonly reused: boolean;
}

const BATCH = 16;
/** Chunks under way: one in the graphs, one whose files are read, one to hand over. */
const AHEAD = 3;
/** Between two events of progress. */
const EVENT_EVERY_MS = 200;

/**
 * Embeds inputs in spaces: a table a space, with ids and a list of what has no row. Memory does not grow with the number of
 * inputs. Stopped at any moment, by a signal, a kill or a power cut, the same call goes on where it was and ends with the bytes
 * of an undisturbed run; no table has its name before all of its rows are in it.
 *
 * @throws FREEBIND_CHECKPOINT_INVALID when the folder holds unfinished work of other inputs, spaces, model files or options;
 * FREEBIND_OUTPUT_EXISTS FREEBIND_OUTPUT_BUSY FREEBIND_ROWS_MISALIGNED FREEBIND_CAPABILITY_MISSING FREEBIND_ARGUMENT_INVALID
 * FREEBIND_WRITE_FAILED FREEBIND_ABORTED, and what listing the inputs and the spaces' graphs throw
 */
export async function* embedFiles(options: EmbedOptions): AsyncGenerator<EmbedEvent, Embedded, undefined> {
  const { spaces, modality, out, shard = WHOLE, format = 'npy', replace = false, signal } = options;
  checkOptions(options);
  const neighbours = await findNeighbours(
    out,
    modality,
    spaces.map(({ manifest }) => manifest.id),
  );
  const identity = await identify(options, neighbours);
  const folder = partFolder(out, modality, shard);
  const targets = targetsOf(out, identity, format);
  const finishing = await isFinishing(out, modality);
  const made = replace
    ? undefined
    : await findMade(targets, identity).catch((error: unknown) => {
        // What is there may be the beginning of what this run was killed in writing.
        if (finishing) return undefined;
        throw error;
      });
  if (made !== undefined) {
    if (options.strict === true && made.skipped > 0)
      throw refused(
        `${made.skipped} inputs were skipped when ${targets[0]?.path} was made; ${skippedPath(out, modality)} says why. Mend them and embed again with \`--force\`, or leave out \`--strict\`.`,
      );
    await discardWorkFolder(folder);
    // A merge that was killed needs it for the parts of other shards.
    if (!(await isWhole(out, modality))) await clearMarker(out, modality);
    const all = chunksOf(options.items, { size: LOOKS, listing: identity.inputs, wanted: () => true });
    const since = await writtenAt(targets.map(({ record }) => record));
    const changed = await findChanged(all, since, signal);
    if (changed !== undefined) yield warnOf(changed, { stage: stageOf(options), mend: 'embed again with `--force`' });
    for (const { space, path } of targets) yield { type: 'done', stage: space.id, path, reused: true };
    const tables = targets.map(({ space, path }): EmbeddedTable => ({
      space: space.id,
      path,
      shape: [made.rows, space.dimension],
    }));
    return { tables, rows: made.rows, skipped: made.skipped, reused: true };
  }
  // Work of which nothing is kept, as of a run that failed at once, is nobody's loss.
  const work = await openWorkFolder(folder, { ...identity, shard }, { replace: replace || (await isUnbegun(folder)) });
  try {
    await unmarkWhole(out, modality);
    const part = await Part.open(folder, columnsOf(identity));
    try {
      yield* embedRest(part, { ...options, shard }, { identity, neighbours, work });
    } finally {
      await part.close();
    }
    const { totals } = part;
    if (shard.count > 1) {
      yield { type: 'done', stage: stageOf(options), path: folder };
      return { tables: [], rows: totals.rows, skipped: totals.skipped, reused: false };
    }
    if (totals.rows === 0) {
      await work.remove();
      await clearMarker(out, modality);
      throw noRows(totals.skipped);
    }
    const tables = await writeTables({ out, identity, format, parts: [folder], totals, neighbours, signal });
    for (const { space, path } of tables) yield { type: 'done', stage: space, path };
    await work.remove();
    await clearMarker(out, modality);
    return { tables, rows: totals.rows, skipped: totals.skipped, reused: false };
  } finally {
    await work.release();
  }
}

/** Embeds what a part has not yet. */
async function* embedRest(
  part: Part,
  options: EmbedOptions & { readonly shard: Shard },
  {
    identity,
    neighbours,
    work,
  }: { readonly identity: RunIdentity; readonly neighbours: Neighbours | undefined; readonly work: WorkFolder },
): AsyncGenerator<EmbedEvent, void, undefined> {
  const { spaces, modality, items, shard, strict = false, workers = availableParallelism() } = options;
  const { batch, dtype, inputs } = identity;
  const stage = stageOf(options);
  const total = shareOf(inputs.items, batch, shard).items;
  const before = part.totals;
  yield { type: 'stage', stage, done: before.items, total };
  if (part.damaged > 0) {
    const message = `${part.damaged} chunks of the unfinished work were damaged and are done again.`;
    yield { type: 'warning', stage, message };
  }
  if (strict && before.skipped > 0)
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${before.skipped} inputs were skipped before this run was stopped. Go on without \`--strict\`, or delete ${work.path} to start anew.`,
    );
  const isDone = (chunk: number): boolean => isOwn(chunk, shard) && Math.floor(chunk / shard.count) < before.chunks;
  if (before.chunks > 0) {
    const made = chunksOf(items, { size: batch, listing: inputs, wanted: isDone });
    const changed = await findChanged(made, work.begunMs, options.signal);
    if (changed !== undefined) yield warnOf(changed, { stage, mend: `delete ${work.path} to start anew` });
  }
  if (neighbours !== undefined) {
    const own = chunksOf(items, { size: batch, listing: inputs, wanted: (chunk) => isOwn(chunk, shard) });
    const changed = await findChanged(own, await neighbours.writtenMs(), options.signal);
    if (changed !== undefined) yield warnBeside(changed, { stage, there: neighbours.paths });
  }
  const reader = openReader(modality, workers);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const how: ChunkOptions = {
    spaces,
    modality,
    reader,
    format: NPY_FORMATS[dtype],
    workers,
    known: (id) => neighbours?.known(id),
    signal,
  };
  const wanted = (chunk: number): boolean => isOwn(chunk, shard) && !isDone(chunk);
  const chunks = chunksOf(items, { size: batch, listing: inputs, wanted });
  const embed = async (chunk: readonly Item[]) => {
    if (signal.aborted) throw new FreebindError('FREEBIND_ABORTED', 'Embedding was stopped.', { cause: signal.reason });
    return embedChunk(chunk, how);
  };
  const pace = paceMeter();
  let told = { at: performance.now(), items: before.items };
  try {
    for await (const { chunk, skipped } of mapAhead(chunks, AHEAD, embed, () => stop.abort())) {
      for (const one of skipped) refuse(one, { strict, neighbours });
      await part.append(chunk);
      for (const one of skipped) yield { type: 'skipped', stage, ...one };
      const { items: done, rows, skipped: without } = part.totals;
      const now = performance.now();
      if (now - told.at < EVENT_EVERY_MS && done < total) continue;
      yield { type: 'rows', stage, done, total, rows, skipped: without, ...pace(done - told.items, total - done) };
      told = { at: now, items: done };
    }
  } finally {
    await reader.close();
  }
}

/** Refuses to skip an input where that is not allowed. @throws its error with `strict`, FREEBIND_ROWS_MISALIGNED where other spaces have a row for it */
function refuse(
  { id, code, message }: Skipped,
  { strict, neighbours }: { readonly strict: boolean; readonly neighbours: Neighbours | undefined },
): void {
  if (strict) throw new FreebindError(code, `${id}: ${message}`);
  if (neighbours === undefined || neighbours.known(id) !== undefined) return;
  throw new FreebindError(
    'FREEBIND_ROWS_MISALIGNED',
    `${id} has no row (${code}: ${message}), but one in ${neighbours.paths[0]}. Mend the file, or embed all spaces in one run into another folder.`,
  );
}

async function identify(options: EmbedOptions, neighbours: Neighbours | undefined): Promise<RunIdentity> {
  const { spaces, modality, items, dtype = 'f4', batch = BATCH, signal } = options;
  const check = neighbours?.align();
  const inputs = await listItems(items, { signal, ...(check !== undefined && { visit: ({ id }) => check(id) }) });
  await check?.();
  const identities: RunIdentity['spaces'][number][] = [];
  for (const space of spaces) {
    const { id, dimension, source } = space.manifest;
    identities.push({ id, dimension, source, depends: (await space.fingerprint?.(modality)) ?? {} });
  }
  return { modality, spaces: identities, dtype, batch, inputs };
}

function checkOptions({ spaces, modality, batch = BATCH, workers = 1, shard = WHOLE }: EmbedOptions): void {
  checkShard(shard);
  checkReadable(modality);
  const ids = spaces.map(({ manifest }) => manifest.id);
  if (ids.length === 0) throw refused('No space was named to embed in. Name at least one.');
  if (new Set(ids).size < ids.length) throw refused(`A space is named twice: ${ids.join(', ')}. Name each once.`);
  if (!Number.isSafeInteger(batch) || batch < 1)
    throw refused(`Batches of ${batch} were asked for; expected a whole number of at least 1.`);
  if (!Number.isSafeInteger(workers) || workers < 1)
    throw refused(`${workers} workers were asked for; expected a whole number of at least 1.`);
  for (const { manifest } of spaces)
    if (!manifest.modalities.includes(modality))
      throw new FreebindError(
        'FREEBIND_CAPABILITY_MISSING',
        `"${manifest.id}" embeds ${manifest.modalities.join(', ')}, not ${modality}. Choose another space or modality.`,
      );
}

function refused(message: string): FreebindError {
  return new FreebindError('FREEBIND_ARGUMENT_INVALID', message);
}

/** That nothing could be embedded, after which the work is thrown away: a run with what was wrong put right starts anew. */
export function noRows(skipped: Totals['skipped']): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `None of the ${skipped} inputs could be embedded, so no table was written. The events (\`--json\`, or --strict for the first) say why of each.`,
  );
}

function stageOf({ modality, shard = WHOLE }: Pick<EmbedOptions, 'modality' | 'shard'>): string {
  return shard.count === 1 ? `embed ${modality}` : `embed ${modality}, shard ${shard.index} of ${shard.count}`;
}
