import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError } from '../errors.ts';
import { createNpy, type NpyTable, openNpy } from '../files/npy.ts';
import {
  findFinished,
  findParts,
  keepPiece,
  missingRanges,
  partPath,
  pieceName,
  type TablePart,
} from '../files/pieces.ts';
import { checkSeal, removeSealed, seal } from '../files/seal.ts';
import { tablePath } from '../files/table-name.ts';
import type { Table } from '../table.ts';
import { madeAgain, paceMeter, type TrainingEvent } from '../training/events.ts';
import {
  type Column,
  columnIdentity,
  columnsOf,
  openColumns,
  type OpenColumn,
  type PairSources,
  sourcesOf,
  TILE,
  tuplesOf,
  unitTable,
} from './columns.ts';
import type { Party } from './tuples.ts';

/** What to collect pseudo pairs from and where to keep them. */
export interface CollectOptions extends PairSources {
  /** Holds one table folder a source modality. Tables that are there already are kept: the caller answers for their origin. */
  readonly folder: string;
  readonly reuse?: ReuseFolder;
  readonly signal?: AbortSignal;
}

/** A folder of finished tables, each by what it was made from, and what stands for the content of the tables here. */
export interface ReuseFolder {
  readonly folder: string;
  /** By `SPACE.MODALITY`. */
  readonly fingerprints: Readonly<Record<string, string>>;
  /** Other runs may be reading it: parts of a table stay when the whole is there. */
  readonly shared?: boolean;
}

/** One of several runs that share work: number `index` of `count`, from 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Row-aligned tables of one source modality: row i of every table is item i of the source. */
export interface Tuples {
  readonly unified: Readonly<Record<string, Table>>;
  readonly expert: Readonly<Record<string, Table>>;
}

/** Pseudo pairs, by source modality. */
export interface PseudoPairs {
  readonly tuples: Readonly<Record<string, Tuples>>;
  readonly close: () => Promise<void>;
}

const STAGE = 'pseudo pairs';

/**
 * Makes a semantically consistent tuple of rows for every source item from unpaired collections (FreeBind, section 3.2), one
 * `.npy` file a column, in tiles: memory does not grow with the number of rows. The source's own rows are not copied. A
 * collection that was interrupted goes on with the first file that is missing. With `reuse`, columns and parts of them that
 * are there are taken, and new ones are put there.
 *
 * @throws what `checkPair` refuses; FREEBIND_NUMBER_INVALID for rows that are not finite unit rows
 * @throws FREEBIND_ABORTED FREEBIND_WRITE_FAILED FREEBIND_ARGUMENT_INVALID for a source that the unified space lacks
 */
export async function* collectPseudoPairs(
  options: CollectOptions,
): AsyncGenerator<TrainingEvent, PseudoPairs, undefined> {
  const { folder, reuse } = options;
  const columns = columnsOf(options);
  const pathOf = ({ source, party, modality }: Column): string =>
    tablePath(join(folder, encodeURIComponent(source)), options[party].space, modality);
  const missing: Column[] = [];
  const damaged: string[] = [];
  let taken = 0;
  for (const column of columns) {
    const piece = reuse && { folder: reuse.folder, file: `${pieceOf(options, column, reuse)}.npy` };
    const finished = await findFinished(pathOf(column), piece);
    damaged.push(...finished.damaged);
    if (finished.found === 'taken') taken++;
    else if (finished.found === 'missing') missing.push(column);
  }
  const total = rowsIn(columns);
  let done = total - rowsIn(missing);
  yield { type: 'stage', stage: STAGE, done, total };
  for (const path of damaged) yield madeAgain(STAGE, path);
  if (taken > 0) yield { type: 'reuse', stage: STAGE, what: `${taken} of ${columns.length} tables of pseudo pairs` };

  const pace = paceMeter();
  for await (const open of openColumns(options, missing)) {
    for await (const rows of writeColumn(open, pathOf(open.column), options)) {
      done += rows;
      yield { type: 'rows', stage: STAGE, done, total, ...pace(rows, total - done) };
    }
  }

  const opened: NpyTable[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map((table) => table.close())));
  try {
    const tuples: Record<string, Tuples> = {};
    for (const source of sourcesOf(options)) {
      const sides: Record<Party, Record<string, Table>> = { unified: {}, expert: {} };
      for (const { party, modality, scoredIn } of tuplesOf(options, source)) {
        const made = columns.find((c) => c.source === source && c.party === party && c.modality === modality);
        const table = made === undefined ? undefined : await openNpy(pathOf(made));
        if (table !== undefined) opened.push(table);
        sides[party][modality] = table ?? unitTable(options, party, scoredIn === undefined ? source : modality);
      }
      tuples[source] = sides;
    }
    yield { type: 'done', stage: STAGE, path: folder, ...(missing.length === 0 && { reused: true }) };
    return { tuples, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Makes one shard's rows of every column that is not in the reuse folder, and puts them there, for the run that collects them
 * all. Nothing else is written. Done a second time it does nothing.
 *
 * @throws as `collectPseudoPairs`
 */
export async function* collectShard(
  options: PairSources & { readonly reuse: ReuseFolder; readonly shard: Shard; readonly signal?: AbortSignal },
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { reuse, shard } = options;
  const columns = columnsOf(options);
  const partOf = (column: Column): { readonly start: number; readonly end: number; readonly path: string } => {
    const { start, end } = shardRows(column.rows, shard);
    return { start, end, path: partPath(reuse.folder, pieceOf(options, column, reuse), start, end) };
  };
  const missing: Column[] = [];
  for (const column of columns) {
    const { start, end, path } = partOf(column);
    const whole = join(reuse.folder, `${pieceOf(options, column, reuse)}.npy`);
    if (start < end && !(await exists(whole)) && (await checkSeal(path)) !== 'whole') missing.push(column);
  }
  const count = (some: readonly Column[]): number =>
    some.reduce((sum, column) => sum + partOf(column).end - partOf(column).start, 0);
  const total = count(columns);
  let done = total - count(missing);
  yield { type: 'stage', stage: STAGE, done, total };
  const pace = paceMeter();
  for await (const open of openColumns(options, missing)) {
    const { start, end, path } = partOf(open.column);
    for await (const rows of writeRanges(path, open, [{ start, end }], options)) {
      done += rows;
      yield { type: 'rows', stage: STAGE, done, total, ...pace(rows, total - done) };
    }
    await seal(path);
  }
  yield { type: 'done', stage: STAGE, path: reuse.folder, ...(missing.length === 0 && { reused: true }) };
}

/** What shards have not made yet: rows of columns, in words. Empty when all is there. */
export async function missingPairs(options: PairSources & { readonly reuse: ReuseFolder }): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const column of columnsOf(options)) {
    const piece = pieceOf(options, column, options.reuse);
    if (await exists(join(options.reuse.folder, `${piece}.npy`))) continue;
    for (const { start, end } of missingRanges(await findParts(options.reuse.folder, piece), column.rows))
      missing.push(
        `rows ${start} to ${end} of ${column.rows} of ${column.source} → ${options[column.party].space}'s ${column.modality}`,
      );
  }
  return missing;
}

/** Names in a reuse folder of all tables of pseudo pairs, for tables of these fingerprints. @throws as `columnsOf` */
export function pairPieces(from: PairSources, fingerprints: ReuseFolder['fingerprints']): readonly string[] {
  return columnsOf(from).map((column) => pieceOf(from, column, { fingerprints }));
}

/** A shard's rows of `rows`: whole tiles, so that each row is computed in the tile in which one run would compute it. @throws FREEBIND_ARGUMENT_INVALID */
export function shardRows(rows: number, { index, count }: Shard): { readonly start: number; readonly end: number } {
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(index) || index < 0 || index >= count) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Shard ${index} of ${count} was asked for; shards of n are numbered 0 to n − 1.`,
    );
  }
  const tiles = Math.ceil(rows / TILE);
  const edge = (i: number): number => Math.min(Math.floor((i * tiles) / count) * TILE, rows);
  return { start: edge(index), end: edge(index + 1) };
}

/** Writes a whole column: parts that shards have made are copied, the rest is computed. Yields numbers of rows. */
async function* writeColumn(
  open: OpenColumn,
  path: string,
  options: CollectOptions,
): AsyncGenerator<number, void, undefined> {
  const { rows } = open.column;
  const { reuse } = options;
  const piece = reuse && pieceOf(options, open.column, reuse);
  const found = reuse && piece ? await findParts(reuse.folder, piece) : [];
  const parts: TablePart[] = [];
  for (const part of found) if ((await checkSeal(part.path)) === 'whole') parts.push(part);
  const ranges = [...parts, ...missingRanges(parts, rows)].sort((a, b) => a.start - b.start);
  yield* writeRanges(path, open, ranges, options);
  await seal(path);
  if (reuse === undefined || piece === undefined) return;
  await keepPiece({ folder: reuse.folder, file: `${piece}.npy` }, path);
  if (reuse.shared !== true) for (const part of found) await removeSealed(part.path);
}

/** Writes ranges of rows one below the other: those with a path from there, the others computed. Yields numbers of rows. */
async function* writeRanges(
  path: string,
  { aggregate, cols }: OpenColumn,
  ranges: readonly { readonly start: number; readonly end: number; readonly path?: string }[],
  { backend }: Pick<PairSources, 'backend'>,
): AsyncGenerator<number, void, undefined> {
  const writer = await createNpy(path, { cols, dtype: backend.manifest.precision === 'float64' ? 'f8' : 'f4' });
  try {
    for (const range of ranges) {
      const part = range.path === undefined ? undefined : await openNpy(range.path);
      try {
        for (let start = range.start; start < range.end; start += TILE) {
          const end = Math.min(start + TILE, range.end);
          await writer.append(
            part === undefined ? await aggregate(start, end) : await part.read(start - range.start, end - range.start),
          );
          yield end - start;
        }
      } finally {
        await part?.close();
      }
    }
    await writer.commit();
  } finally {
    await writer.discard();
  }
}

function pieceOf(from: PairSources, column: Column, { fingerprints }: Pick<ReuseFolder, 'fingerprints'>): string {
  return pieceName(columnIdentity(from, column, fingerprints));
}

function rowsIn(columns: readonly Column[]): number {
  return columns.reduce((sum, { rows }) => sum + rows, 0);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
