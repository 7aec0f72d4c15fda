import { read, readSync, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { FreebindError } from '../errors.ts';

/** Longest single read; the system refuses 2 GiB and more. */
const LONGEST_READ = 2 ** 30;

/** A file of which parts are read, at any offset and several at a time. */
export class RangedFile {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  readonly #handle: FileHandle;
  #underWay = 0;
  #whenIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID when `path` is not a file */
  static async open(path: string): Promise<RangedFile> {
    // Asked before it is opened: opening a named pipe would wait for a writer, and opening a device may set it going.
    const stats = await stat(path).catch((cause: unknown) => {
      throw readError(path, cause);
    });
    if (!stats.isFile()) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} is ${kindOf(stats)}, but a regular file was expected. Give the path of a file.`,
      );
    }
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw readError(path, cause);
    });
    try {
      return new RangedFile(path, (await handle.stat()).size, handle);
    } catch (cause) {
      await handle.close();
      throw readError(path, cause);
    }
  }

  /** The `length` bytes at `offset`, in memory of their own. The caller keeps both within `size`. @throws FREEBIND_FILE_INVALID when the file was cut short meanwhile */
  async read(offset: number, length: number): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    await this.readInto(bytes, offset);
    return bytes.buffer;
  }

  /** Fills `bytes` with what stands at `offset`. @throws FREEBIND_FILE_INVALID when the file was cut short meanwhile */
  async readInto(bytes: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < bytes.length;)
      done += this.#checked(await this.#readSome(bytes, done, offset + done), offset + done);
  }

  /** As `readInto`, at once: 4 times cheaper where the system has the bytes in memory, and blocking the thread where not. */
  readIntoSync(bytes: Uint8Array, offset: number): void {
    this.#checkOpen();
    for (let done = 0; done < bytes.length;) {
      let count: number;
      try {
        count = readSync(this.#handle.fd, bytes, done, Math.min(bytes.length - done, LONGEST_READ), offset + done);
      } catch (error) {
        throw readError(this.path, error);
      }
      done += this.#checked(count, offset + done);
    }
  }

  /** Reads that are under way finish first. Calling it twice is quiet. */
  async close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      if (this.#underWay === 0) resolve();
      else this.#whenIdle = resolve;
    }).then(() => this.#handle.close());
    return this.#closed;
  }

  // `fs.read` on the number of the handle: `FileHandle.read` takes 2 to 3 times as long for rows gathered one by one. It
  // does not keep the handle open meanwhile, so reads under way are counted.
  #readSome(bytes: Uint8Array, at: number, position: number): Promise<number> {
    this.#checkOpen();
    this.#underWay++;
    return new Promise((resolve, reject) => {
      const length = Math.min(bytes.length - at, LONGEST_READ);
      read(this.#handle.fd, bytes, at, length, position, (error, bytesRead) => {
        if (--this.#underWay === 0) this.#whenIdle?.();
        if (error === null) resolve(bytesRead);
        else reject(readError(this.path, error));
      });
    });
  }

  #checkOpen(): void {
    if (this.#closed !== undefined)
      throw new FreebindError('FREEBIND_CLOSED', `${this.path} was closed and cannot be read; open it again.`);
  }

  /** `count` bytes read at `position`; none where the file ends. */
  #checked(count: number, position: number): number {
    if (count > 0) return count;
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${this.path} had ${this.size} bytes when it was opened, but now ends at byte ${position} or before: something cut it short while it was read. Write it again, aside and renamed, and start over.`,
    );
  }
}

/** The whole of a UTF-8 file, without its byte order mark. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function readText(path: string): Promise<string> {
  const file = await RangedFile.open(path);
  try {
    return new TextDecoder().decode(await file.read(0, file.size));
  } catch (error) {
    // A file longer than memory or than the longest string.
    throw error instanceof FreebindError ? error : readError(path, error);
  } finally {
    await file.close();
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** What the system said while `path` was read, as an error of ours. */
export function readError(path: string, cause: unknown): FreebindError {
  const code = errnoOf(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new FreebindError('FREEBIND_FILE_MISSING', `There is no file ${path}. Check the path for a slip.`, {
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${path} is there, but this process may not read it (${code}). Give it read permission.`,
      { cause },
    );
  }
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} could not be read (${code ?? String(cause)}). Check the disk, or copy the file again.`,
    { cause },
  );
}

/** Node's name of a system error (`ENOENT`, …), or undefined for other errors. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
