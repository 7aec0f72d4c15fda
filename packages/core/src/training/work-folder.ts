import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError, isFreebindError } from '../errors.ts';
import { checkReplaceable, writeFileAtomic } from '../files/atomic.ts';
import { isAsideName, isAsideOf } from '../files/leftovers.ts';
import { LOCK_FILE, lockFolder } from '../files/lock.ts';
import { removeIfEmpty } from '../files/make-folder.ts';
import { errnoOf, readError } from '../files/ranged-file.ts';
import { findDifference } from './identity.ts';

/** A folder in which one piece of work is kept until it is finished: pseudo pairs, checkpoints. Only this process writes it. */
export interface WorkFolder {
  readonly path: string;
  /** When its work was begun or copied there, by the clock of its disk: milliseconds since 1970. */
  readonly begunMs: number;
  /** Removes it with all that is in it; for when the work is done. */
  remove(): Promise<void>;
  /** Leaves it for a later run to go on with. Quiet after `remove`. */
  release(): Promise<void>;
}

const IDENTITY = 'run.json';

/**
 * Locks `path` and claims it for the work that `identity`, plain data, describes. With `resume` off a folder that holds this
 * work, unfinished, is refused; with `replace` on other work is thrown away.
 *
 * @throws FREEBIND_OUTPUT_BUSY when another process has it; FREEBIND_CHECKPOINT_INVALID when it holds other work, saying what
 * differs, unless `replace`; FREEBIND_OUTPUT_EXISTS when it holds this work and `resume` is false, or files of somebody else
 */
export async function openWorkFolder(
  path: string,
  identity: unknown,
  { resume = true, replace = false }: { readonly resume?: boolean | undefined; readonly replace?: boolean | undefined },
): Promise<WorkFolder> {
  const lock = await lockFolder(path);
  let begunMs: number;
  try {
    const there = await readIdentity(join(path, IDENTITY));
    const difference = there === undefined ? undefined : findDifference(there, identity);
    // A folder without an identity holds nothing that is ours to clear away.
    if (there === undefined) await checkReplaceable(path, { replace: [IDENTITY] });
    if (there === undefined || (difference !== undefined && replace)) {
      await clear(path);
      await writeFileAtomic(join(path, IDENTITY), `${JSON.stringify(identity, undefined, 2)}\n`);
    } else {
      if (difference !== undefined) {
        throw new FreebindError(
          'FREEBIND_CHECKPOINT_INVALID',
          `${path} holds unfinished work of another run: ${difference}. Put that back to go on with it, or delete the folder (\`--force\`) to start anew.`,
        );
      }
      if (!resume) {
        throw new FreebindError(
          'FREEBIND_OUTPUT_EXISTS',
          `${path} holds this run, unfinished. Resume it (\`--resume\`), or delete the folder to start anew.`,
        );
      }
    }
    const { mtimeMs, ctimeMs } = await stat(join(path, IDENTITY));
    begunMs = Math.max(mtimeMs, ctimeMs);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    path,
    begunMs,
    // The lock file is in the folder, and is gone with it.
    remove: () => removeAll(path),
    release: () => lock.release(),
  };
}

/** Removes what a run left that was killed after its result was written and before its work was cleared away. */
export async function discardWorkFolder(path: string): Promise<void> {
  if (!(await isWorkFolder(path))) return;
  const lock = await lockFolder(path).catch((error: unknown) => {
    // Somebody works there; it is theirs to clear away.
    if (isFreebindError(error, 'FREEBIND_OUTPUT_BUSY')) return undefined;
    throw error;
  });
  if (lock !== undefined) await removeAll(path);
}

/** Whether `path` is a folder with an identity, or with nothing but a lock: what a kill between the last two removals leaves. */
async function isWorkFolder(path: string): Promise<boolean> {
  const names = await readdir(path).catch((): undefined => undefined);
  if (names === undefined) return false;
  return names.includes(IDENTITY) || names.every((name) => name.startsWith(LOCK_FILE) || isAsideName(name));
}

/** Another process may be waiting: from when the lock is gone the folder is its, and goes only if it is empty. */
async function removeAll(path: string): Promise<void> {
  await clear(path);
  await rm(join(path, LOCK_FILE), { force: true });
  await removeIfEmpty(path);
}

/** Removes everything but locks, ours and those in the making; the identity goes last, so that what a kill leaves is known for ours. */
async function clear(path: string): Promise<void> {
  for (const name of await readdir(path))
    if (!name.startsWith(LOCK_FILE) && !isAsideOf(LOCK_FILE, name) && name !== IDENTITY)
      await rm(join(path, name), { recursive: true, force: true });
  await rm(join(path, IDENTITY), { force: true });
}

async function readIdentity(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw readError(path, error);
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FreebindError(
      'FREEBIND_CHECKPOINT_INVALID',
      `${path} is not JSON, so whose work its folder holds is unknown. Delete the folder to start anew.`,
      { cause },
    );
  }
}
