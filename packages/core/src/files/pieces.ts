import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from './atomic.ts';
import { makeFolder } from './make-folder.ts';
import { errnoOf } from './ranged-file.ts';
import { checkSeal, removeSealed, SEAL } from './seal.ts';
import { writeError } from './write-error.ts';

/** Name of a finished piece of work in a folder of pieces: what it was made from, as plain data, decides it. */
export function pieceName(identity: unknown): string {
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 40);
}

/** Names in a folder of pieces: a table's or a part of one's, its seal's, and a trained head's, which is a folder of the name alone. */
const PIECE = /^([0-9a-f]{40}(?:\.rows-\d+-\d+)?)(?:\.npy(?:\.sha256)?)?$/;

/** A file of a folder of pieces. */
export interface Piece {
  readonly folder: string;
  readonly file: string;
}

/**
 * Looks for a sealed file where a run wants it, and then among the pieces, of which it is given its name as well: one file with two
 * names where the disk can. `damaged` are the files whose seals did not fit.
 *
 * @throws FREEBIND_WRITE_FAILED
 */
export async function findFinished(
  path: string,
  piece?: Piece,
): Promise<{ readonly found: 'there' | 'taken' | 'missing'; readonly damaged: readonly string[] }> {
  const damaged: string[] = [];
  const isWhole = async (file: string): Promise<boolean> => {
    const state = await checkSeal(file);
    if (state === 'damaged') damaged.push(file);
    return state === 'whole';
  };
  if (await isWhole(path)) {
    // The run that finished it may have been killed before it kept it. A piece that is there is not read.
    if (piece !== undefined && !(await isSealed(piece))) await keepPiece(piece, path);
    return { found: 'there', damaged };
  }
  if (piece === undefined || !(await isWhole(join(piece.folder, piece.file)))) return { found: 'missing', damaged };
  await linkSealed(join(piece.folder, piece.file), path);
  return { found: 'taken', damaged };
}

/** Keeps a finished, sealed file as a piece. Quiet when it is there already: equal names have equal bytes. @throws FREEBIND_WRITE_FAILED */
export async function keepPiece({ folder, file }: Piece, from: string): Promise<void> {
  const piece = join(folder, file);
  if ((await checkSeal(piece)) !== 'whole') await linkSealed(from, piece);
}

async function isSealed({ folder, file }: Piece): Promise<boolean> {
  return (await stat(join(folder, `${file}${SEAL}`)).catch(() => undefined)) !== undefined;
}

async function linkSealed(from: string, to: string): Promise<void> {
  try {
    await makeFolder(dirname(to));
    await removeSealed(to);
    await linkOrCopy(from, to);
    await linkOrCopy(`${from}${SEAL}`, `${to}${SEAL}`);
  } catch (error) {
    throw writeError(to, error);
  }
}

/** Rows `start` to `end` of a table that several runs make, each its part. */
export interface TablePart {
  readonly start: number;
  readonly end: number;
  readonly path: string;
}

/** Path of a part of the table `piece`. */
export function partPath(folder: string, piece: string, start: number, end: number): string {
  return join(folder, `${piece}.rows-${start}-${end}.npy`);
}

/** The sealed parts of a table that are there, by where they begin; of two that overlap, the one that begins first. */
export async function findParts(folder: string, piece: string): Promise<readonly TablePart[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const parts = names
    .flatMap((name): readonly TablePart[] => {
      const [, own, start, end] = /^(.+)\.rows-(\d+)-(\d+)\.npy$/.exec(name) ?? [];
      return own === piece && names.includes(`${name}${SEAL}`)
        ? [{ start: Number(start), end: Number(end), path: join(folder, name) }]
        : [];
    })
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const apart: TablePart[] = [];
  for (const part of parts) if (part.start >= (apart.at(-1)?.end ?? 0)) apart.push(part);
  return apart;
}

/** The rows from 0 to `rows` that no part has, as ranges. */
export function missingRanges(
  parts: readonly TablePart[],
  rows: number,
): readonly { readonly start: number; readonly end: number }[] {
  const missing: { start: number; end: number }[] = [];
  let start = 0;
  for (const part of parts) {
    if (part.start > start) missing.push({ start, end: part.start });
    start = part.end;
  }
  if (start < rows) missing.push({ start, end: rows });
  return missing;
}

/**
 * Removes the oldest pieces until those that are left take at most `bytes`; those to `keep`, by name, stay in any case, but not
 * their parts. What has no piece's name is no piece, and files that are in use elsewhere by another name stay there.
 */
export async function prunePieces(folder: string, bytes: number, keep: ReadonlySet<string>): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  const matches = names.map((name) => PIECE.exec(name)).filter((match) => match !== null);
  const pieces = await Promise.all(
    matches.map(async ([name, own = '']) => {
      const path = join(folder, name);
      const stats = await stat(path).catch(() => undefined);
      return {
        path,
        kept: keep.has(own),
        changed: stats?.mtimeMs ?? 0,
        size: stats?.isDirectory() === true ? await sizeOf(path) : (stats?.size ?? 0),
      };
    }),
  );
  let left = pieces.reduce((sum, { size }) => sum + size, 0);
  for (const { path, kept, size } of pieces.sort((a, b) => a.changed - b.changed)) {
    if (left <= bytes) return;
    if (kept) continue;
    await rm(path, { recursive: true, force: true });
    left -= size;
  }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch((): string[] => []);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = errnoOf(error);
    // Another run was quicker: equal names have equal bytes.
    if (code === 'EEXIST') return;
    if (code === 'ENOENT') throw error;
    // Two disks, or one that has no links.
    await writeFileAtomic(to, createReadStream(from));
  }
}
