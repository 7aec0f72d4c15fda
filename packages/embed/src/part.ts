import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isFreebindError } from '@freebind/core';
import { RangedFile, writeError } from '@freebind/core/files';
import { type Entry, lineOf, readEntries } from './journal.ts';

/** What one chunk of inputs became. */
export interface Chunk {
  readonly items: number;
  readonly rows: number;
  readonly skipped: number;
  /** Its bytes in each column of the part. */
  readonly pieces: readonly Uint8Array[];
}

/** Sums over chunks. */
export interface Totals {
  readonly chunks: number;
  readonly items: number;
  readonly rows: number;
  readonly skipped: number;
}

const JOURNAL = 'journal';
/** What a power cut may cost; a kill costs nothing. */
const SYNC_EVERY_MS = 30_000;

/**
 * The unfinished work of one process: columns, which are files that only grow, and a journal with a line a chunk that says how
 * many bytes the chunk added to each column, and their checksums. A chunk counts once its line is there, so a process that is
 * killed loses only what it had not yet added: what was written outlives it in the system's memory. A power cut may lose what
 * was written since the last sync, 30 seconds at most, and in any order; the checksums show it when the part is opened, and work
 * goes on from before the first chunk that is not whole. The caller has locked the folder.
 */
export class Part {
  /** Chunks that are to be done again, for their bytes are not what the journal says. */
  readonly damaged: number;
  readonly #dir: string;
  readonly #files: readonly FileHandle[];
  readonly #ends: number[];
  #totals: Totals;
  #synced = performance.now();

  private constructor(dir: string, files: readonly FileHandle[], found: Found) {
    this.#dir = dir;
    this.#files = files;
    this.#ends = [...found.ends];
    this.#totals = found.totals;
    this.damaged = found.damaged;
  }

  /** Opens the part in `dir` behind its last whole chunk; every byte before that is checked. @throws FREEBIND_WRITE_FAILED */
  static async open(dir: string, columns: readonly string[]): Promise<Part> {
    const files: FileHandle[] = [];
    try {
      for (const name of [...columns, JOURNAL])
        files.push(await open(join(dir, name), constants.O_RDWR | constants.O_CREAT));
      const found = await findWhole(dir, columns);
      await Promise.all(files.map((file, f) => file.truncate(found.ends[f] ?? 0)));
      return new Part(dir, files, found);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw isFreebindError(error) ? error : writeError(dir, error);
    }
  }

  get totals(): Totals {
    return this.#totals;
  }

  /** Adds a chunk; it counts when this returns. @throws FREEBIND_WRITE_FAILED, and then the chunks before it are kept */
  async append(chunk: Chunk): Promise<void> {
    const { pieces, items, rows, skipped } = chunk;
    const entry: Entry = {
      items,
      rows,
      skipped,
      bytes: pieces.map((piece) => piece.length),
      sums: pieces.map((piece) => crc32(piece)),
    };
    try {
      await Promise.all(this.#files.slice(0, -1).map((file, c) => this.#write(file, c, pieces[c])));
      await Promise.all(this.#files.slice(-1).map((file) => this.#write(file, pieces.length, encode(lineOf(entry)))));
      this.#totals = plus(this.#totals, chunk);
      if (performance.now() - this.#synced > SYNC_EVERY_MS) await this.#sync();
    } catch (error) {
      throw writeError(this.#dir, error);
    }
  }

  /** Leaves the part as it is, for a later run. Calling it twice is quiet. */
  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  async #write(file: FileHandle, f: number, bytes: Uint8Array = new Uint8Array()): Promise<void> {
    const at = this.#ends[f] ?? 0;
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    this.#ends[f] = at + bytes.length;
  }

  async #sync(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.datasync()));
    this.#synced = performance.now();
  }
}

/** Where the whole chunks of a part end. */
interface Found {
  readonly totals: Totals;
  /** Of each column, and of the journal. */
  readonly ends: readonly number[];
  readonly damaged: number;
}

async function findWhole(dir: string, columns: readonly string[]): Promise<Found> {
  let totals: Totals = { chunks: 0, items: 0, rows: 0, skipped: 0 };
  const ends = [...columns, JOURNAL].map(() => 0);
  const reader = await PartReader.open(dir, columns);
  try {
    for await (const { end, chunk } of reader.chunks()) {
      totals = plus(totals, chunk);
      chunk.pieces.forEach((piece, c) => (ends[c] = (ends[c] ?? 0) + piece.length));
      ends[columns.length] = end;
    }
  } finally {
    await reader.close();
  }
  const { chunks } = await readTotals(dir);
  return { totals, ends, damaged: chunks - totals.chunks };
}

/** What a part's journal says that is in it. Columns are not looked at. */
export async function readTotals(dir: string): Promise<Totals> {
  let totals: Totals = { chunks: 0, items: 0, rows: 0, skipped: 0 };
  for await (const { entry } of readEntries(join(dir, JOURNAL))) totals = plus(totals, entry);
  return totals;
}

/** Whether no chunk was ever added to a part, or there is none. A journal that is damaged from its first line on is not empty. */
export async function isUnbegun(dir: string): Promise<boolean> {
  const journal = await stat(join(dir, JOURNAL)).catch(() => undefined);
  return journal === undefined || journal.size === 0;
}

/** Reads a part's chunks in order. */
export class PartReader {
  readonly #dir: string;
  readonly #files: readonly RangedFile[];

  private constructor(dir: string, files: readonly RangedFile[]) {
    this.#dir = dir;
    this.#files = files;
  }

  static async open(dir: string, columns: readonly string[]): Promise<PartReader> {
    const files: RangedFile[] = [];
    try {
      for (const name of columns) files.push(await RangedFile.open(join(dir, name)));
      return new PartReader(dir, files);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  /** The chunks up to the first that is not whole, and where each one's line ends in the journal. */
  async *chunks(): AsyncGenerator<{ readonly chunk: Chunk; readonly end: number }, void, undefined> {
    const at = this.#files.map(() => 0);
    for await (const { entry, end } of readEntries(join(this.#dir, JOURNAL))) {
      const pieces: Uint8Array[] = [];
      for (const [c, file] of this.#files.entries()) {
        const [start = 0, length = 0] = [at[c], entry.bytes[c]];
        if (start + length > file.size) return;
        const piece = new Uint8Array(await file.read(start, length));
        if (crc32(piece) !== entry.sums[c]) return;
        at[c] = start + length;
        pieces.push(piece);
      }
      const { items, rows, skipped } = entry;
      yield { chunk: { items, rows, skipped, pieces }, end };
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function plus(totals: Totals, { items, rows, skipped }: Omit<Chunk, 'pieces'>): Totals {
  return {
    chunks: totals.chunks + 1,
    items: totals.items + items,
    rows: totals.rows + rows,
    skipped: totals.skipped + skipped,
  };
}
