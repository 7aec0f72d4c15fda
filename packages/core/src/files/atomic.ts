import { type FileHandle, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FreebindError } from '../errors.ts';
import { cleanLeftovers, isAsideName, namesAside, recoverFolder } from './leftovers.ts';
import { LOCK_FILE, ownLock } from './lock.ts';
import { makeFolder } from './make-folder.ts';
import { errnoOf } from './ranged-file.ts';
import { writeError, writeErrorWithSpace } from './write-error.ts';

/** A file that gets its name when it is whole. After `commit` or `discard` nothing more can be done with it. */
export interface AtomicFile {
  /** Appends `bytes`, or overwrites what was written from byte `at` on. @throws FREEBIND_WRITE_FAILED */
  write(bytes: Uint8Array, at?: number): Promise<void>;
  /** Makes it durable and gives it its name, in place of what had it. @throws FREEBIND_WRITE_FAILED */
  commit(): Promise<void>;
  /** Removes it. Quiet after `commit`, so it can stand in a `finally`. */
  discard(): Promise<void>;
}

/**
 * Starts a file that is written aside, in the same folder (made if it is not there), and renamed when it is whole. What
 * killed writers of the same file left is removed. A failed write leaves nothing behind.
 *
 * @throws FREEBIND_WRITE_FAILED
 */
export async function createFileAtomic(path: string): Promise<AtomicFile> {
  const target = resolve(path);
  const { fresh } = await namesAside(target);
  let handle: FileHandle;
  try {
    await makeFolder(dirname(target));
    await cleanLeftovers(target);
    handle = await open(fresh, 'wx');
  } catch (cause) {
    throw writeError(path, cause);
  }
  let size = 0;
  let open_ = true;

  const discard = async (): Promise<void> => {
    if (!open_) return;
    open_ = false;
    await handle.close().catch(() => undefined);
    await rm(fresh, { force: true });
  };
  const fail = async (cause: unknown, bytes: number): Promise<never> => {
    await discard(); // first, so that the room it took counts as free
    throw await writeErrorWithSpace(path, cause, bytes);
  };
  return {
    write: async (bytes, at = size) => {
      try {
        for (let done = 0; done < bytes.length;) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
          done += bytesWritten;
        }
      } catch (cause) {
        await fail(cause, Math.max(size, at + bytes.length));
      }
      size = Math.max(size, at + bytes.length);
    },
    commit: async () => {
      try {
        await handle.sync();
        await handle.close();
        await rename(fresh, target);
        open_ = false;
        await syncFolder(dirname(target));
      } catch (cause) {
        await fail(cause, size);
      }
    },
    discard,
  };
}

/** Writes `chunks` one after another as the whole of `path`: all of it, or nothing. @throws FREEBIND_WRITE_FAILED */
export async function writeFileAtomic(
  path: string,
  chunks: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const parts =
    typeof chunks === 'string' ? [new TextEncoder().encode(chunks)] : chunks instanceof Uint8Array ? [chunks] : chunks;
  const file = await createFileAtomic(path);
  try {
    for await (const part of parts) await file.write(part);
    await file.commit();
  } finally {
    await file.discard();
  }
}

/** What a folder that is written may take the place of. */
export interface FolderOptions {
  /** Names of the files that may give way; a folder with anything else in it is never replaced. Default none. */
  readonly replace?: readonly string[];
}

/**
 * Builds a folder aside with `write` and gives it the name `dir` when it is whole and durable. With `replace` a folder that
 * holds only files of those names gives way by two renames; after a kill between them freebind's readers and writers put
 * the old one back (`recoverFolder`), so that they always find the old folder or the new.
 *
 * @throws FREEBIND_OUTPUT_EXISTS when `dir` holds anything that is not in `replace`, naming it
 * @throws FREEBIND_OUTPUT_BUSY when another process holds its lock
 * @throws FREEBIND_WRITE_FAILED
 */
export async function writeFolderAtomic(
  dir: string,
  write: (aside: string) => Promise<void>,
  options: FolderOptions = {},
): Promise<void> {
  const target = resolve(dir);
  const { fresh, old } = await namesAside(target);
  try {
    await recoverFolder(target);
    await cleanLeftovers(target);
    await checkReplaceable(dir, options);
    await ownLock(target);
    await makeFolder(fresh);
    await write(fresh);
    await syncTree(fresh);
    // Whoever holds the folder's lock keeps it: its file moves to the new folder, which is then locked as the old one was.
    const lock = await ownLock(target);
    if (lock !== undefined) await writeFile(join(fresh, LOCK_FILE), lock);
    await makeWay(target, old, dir, options);
    await rename(fresh, target).catch(async (error: unknown) => {
      await ownLock(target);
      await checkReplaceable(dir, {}); // a quicker writer's folder
      throw error;
    });
    await syncFolder(dirname(target));
    await rm(old, { recursive: true, force: true });
  } catch (error) {
    await recoverFolder(target);
    await rm(fresh, { recursive: true, force: true });
    throw error instanceof FreebindError ? error : writeError(dir, error);
  }
}

/** Refuses a folder `dir` (which may stand `at` another path for now) that holds anything but a lock and the files of `replace`. @throws FREEBIND_OUTPUT_EXISTS naming what it holds; FREEBIND_WRITE_FAILED */
export async function checkReplaceable(dir: string, { replace = [] }: FolderOptions, at = dir): Promise<void> {
  const entries = await readdir(at, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw writeError(dir, error);
  });
  const passing = (name: string): boolean =>
    name === LOCK_FILE || name.startsWith(`${LOCK_FILE}.`) || isAsideName(name) || replace.includes(name);
  const strangers = entries.filter((entry) => entry.isDirectory() || !passing(entry.name)).map(({ name }) => name);
  if (strangers.length === 0) return;
  const named = `${strangers.slice(0, 3).join(', ')}${strangers.length > 3 ? ', …' : ''}`;
  throw new FreebindError(
    'FREEBIND_OUTPUT_EXISTS',
    replace.length === 0
      ? `${dir} is there already, with ${named} in it. Choose another folder, delete it, or ask for it to be replaced.`
      : `${dir} holds ${named}, and only a folder of nothing but ${replace.join(', ')} is replaced. Choose another folder, or move those away.`,
  );
}

/** Takes what stands at `target` away: an empty folder for good, one that may be replaced to `old`. */
async function makeWay(target: string, old: string, dir: string, options: FolderOptions): Promise<void> {
  try {
    await rmdir(target);
    return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    // Systems differ in what they say of a folder that is not empty; what else may be wrong shows below.
  }
  // Without `replace` only a lock passes, so that the folder which a quicker writer has finished is not moved at all.
  await checkReplaceable(dir, options);
  await rename(target, old).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  // Something may have been put there since; the caller puts the folder back with it.
  await checkReplaceable(dir, options, old);
}

/** Makes every file and folder under `dir` durable. */
async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else await syncFile(path);
  }
  await syncFolder(dir);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes names in `dir` durable; a file's own fsync does not. Windows has no such call. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
