import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError, isFreebindError } from '../errors.ts';
import { cleanLeftovers, namesAside } from './leftovers.ts';
import { makeFolder, removeIfEmpty } from './make-folder.ts';
import { isRunning, markOfThisProcess, type ProcessMark } from './process-mark.ts';
import { errnoOf } from './ranged-file.ts';
import { writeError } from './write-error.ts';

/** Name of the lock file in a folder that is being written. */
export const LOCK_FILE = '.freebind.lock';

/** How often a holder sets the time of its lock file, as a sign of life. */
const BEAT_MS = 15_000;
/**
 * A holder that cannot be asked counts as dead when its lock file is older than this: several signs were left out, whatever kept the
 * program's thread, and clocks of machines that share a folder may be a minute apart.
 */
const SILENT_MS = 120_000;

/** A folder that only this process writes, until `release`. */
export interface FolderLock {
  /** Calling it twice is quiet. */
  release(): Promise<void>;
}

/**
 * Locks `dir` (made if it is not there) for one writer. A lock whose process is gone is taken over at once: it names the
 * process's number and start, so that a run resumed right after a SIGKILL need not wait. On another machine, before a restart or in
 * another container a process cannot be asked; its lock is taken over when it has given no sign of life for two minutes. The lock is
 * advisory; it binds freebind's own writers.
 *
 * @throws FREEBIND_OUTPUT_BUSY FREEBIND_WRITE_FAILED
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const path = join(dir, LOCK_FILE);
  const lock = await acquireIn(dir, path);
  // Guards of takeovers (below) that were killed. The locks they guard are no more, now that the lock is ours.
  const guards = (await readdir(dir)).filter((name) => name.startsWith(`${LOCK_FILE}.`));
  await Promise.all(guards.map((name) => rm(join(dir, name), { force: true })));
  return lock;
}

/** The text of `dir`'s lock file where this process holds it, undefined where nobody alive does. @throws FREEBIND_OUTPUT_BUSY when another process holds it */
export async function ownLock(dir: string): Promise<string | undefined> {
  const path = join(dir, LOCK_FILE);
  const text = await textOf(path);
  if (text === undefined) return undefined;
  const self = await markOfThisProcess();
  const holder = parseMark(text);
  if (holder?.pid === self.pid && holder.started === self.started && holder.place === self.place) return text;
  if (await isHeld(path, holder, self)) throw await busy(path, dir, holder, self);
  return undefined;
}

/** Times that a folder may go while a lock in it is asked for. A system that always says so, as Linux's /proc does, ends it. */
const MOST_TRIES = 100;

/** The holder that is done takes the folder with it, maybe while another comes for the lock, who then makes it anew. */
async function acquireIn(dir: string, path: string): Promise<FolderLock> {
  for (let tries = 1; ; tries++) {
    await makeFolder(dir).catch((cause: unknown) => {
      throw writeError(dir, cause);
    });
    await cleanLeftovers(path);
    try {
      return await acquire(path, dir);
    } catch (error) {
      if (isFreebindError(error) && errnoOf(error.cause) === 'ENOENT' && tries < MOST_TRIES) continue;
      // The holder could not take it because of what the attempt had in it for a moment.
      if (isFreebindError(error, 'FREEBIND_OUTPUT_BUSY')) await removeIfEmpty(dir);
      throw error;
    }
  }
}

async function acquire(path: string, dir: string): Promise<FolderLock> {
  const self = await markOfThisProcess();
  // The id tells two locks of one process apart.
  const mine = `${JSON.stringify({ ...self, id: randomUUID() })}\n`;
  const { fresh: aside } = await namesAside(path);
  try {
    await writeNew(aside, mine);
    for (;;) {
      if (await linkNew(aside, path)) break;
      const theirs = await textOf(path);
      if (theirs === undefined) continue; // released in between
      const holder = parseMark(theirs);
      if (await isHeld(path, holder, self)) throw await busy(path, dir, holder, self);
      // Only the one who holds the lock on this dead lock may replace it, and only while it is still the one he read:
      // otherwise a slow second process would replace the fresh lock of a quick first.
      const takeover = await acquire(`${path}.${holder?.pid ?? 0}-${holder?.started ?? 0}`, dir);
      try {
        if ((await textOf(path)) === theirs) {
          await rename(aside, path);
          break;
        }
      } finally {
        await takeover.release();
      }
    }
  } catch (error) {
    throw error instanceof FreebindError ? error : writeError(path, error);
  } finally {
    await rm(aside, { force: true });
  }
  const beat = setInterval(() => void giveSign(path, mine), BEAT_MS).unref();
  return {
    release: async () => {
      clearInterval(beat);
      // The folder may have been replaced, or the lock deleted by hand and taken by another.
      if ((await textOf(path)) === mine) await rm(path, { force: true });
    },
  };
}

/** By the path, which after a replacement of the folder is another file; a lock that is no longer this one is left alone. */
async function giveSign(path: string, mine: string): Promise<void> {
  try {
    const now = new Date();
    if ((await textOf(path)) === mine) await utimes(path, now, now);
  } catch {
    // A sign that cannot be given now is given by the next beat.
  }
}

/** Whether the holder of a lock may still write: as the system says, else by its signs of life. A lock that cannot be read names nobody to ask. */
async function isHeld(path: string, holder: ProcessMark | undefined, self: ProcessMark): Promise<boolean> {
  const running = holder === undefined ? undefined : await isRunning(holder, self);
  return running ?? (await silenceOf(path)) < SILENT_MS;
}

/** Milliseconds since the last sign of life; none of a lock that was released. */
async function silenceOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives the finished file `aside` the name `path` unless that exists: all of its content appears at once. */
async function linkNew(aside: string, path: string): Promise<boolean> {
  try {
    await link(aside, path);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') return false;
    // File systems without links (exFAT, some network mounts): exclusive creation is as safe, but for a kill in the middle of it.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
  }
  const text = await readFile(aside, 'utf8');
  try {
    await writeNew(path, text);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseMark(text: string): ProcessMark | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    if (!('pid' in value && 'started' in value && 'host' in value && 'place' in value)) return undefined;
    const { pid, started, host, place } = value;
    if (typeof pid !== 'number' || typeof started !== 'string') return undefined;
    return typeof host === 'string' && typeof place === 'string' ? { pid, started, host, place } : undefined;
  } catch {
    return undefined;
  }
}

async function busy(
  path: string,
  dir: string,
  holder: ProcessMark | undefined,
  self: ProcessMark,
): Promise<FreebindError> {
  const who =
    holder === undefined
      ? 'by a process that its lock file does not name'
      : holder.pid === self.pid && holder.place === self.place
        ? `by this very process (${holder.pid})`
        : `by process ${holder.pid} on ${holder.host}`;
  const left = Math.max(Math.ceil((SILENT_MS - (await silenceOf(path))) / 1000), 1);
  const mend =
    holder?.place === self.place
      ? 'Wait for it or choose another folder.'
      : `Wait for it or choose another folder; if it was killed, which cannot be seen from here, the folder is free ${SILENT_MS / 1000} s after its last sign of life: in ${left} s, or at once when you delete ${path}.`;
  return new FreebindError(
    'FREEBIND_OUTPUT_BUSY',
    `${dir} is being written ${who}; one folder takes one writer at a time. ${mend}`,
  );
}
