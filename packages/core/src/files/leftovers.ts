import { createHash, randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isRunning, markOfThisProcess } from './process-mark.ts';
import { errnoOf } from './ranged-file.ts';
import { writeError } from './write-error.ts';

/** Stand-in names of a target, in its folder: `new` is being written, `old` is being replaced. They name their writer. */
const ASIDE = /^\.freebind-([0-9a-f]{16})-(\d+)-(\d+)-([0-9a-f]{12})-[0-9a-f]{8}\.(new|old)$/;

/** A leftover of a writer that cannot be asked, on another machine or before a restart, counts as dead after this long. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** Fresh names beside `path` for what is about to take its name, and for what gives it up. */
export async function namesAside(path: string): Promise<{ readonly fresh: string; readonly old: string }> {
  const { pid, started, place } = await markOfThisProcess();
  const name = `.freebind-${nameHash(path)}-${pid}-${started}-${place}-${randomBytes(4).toString('hex')}`;
  return { fresh: join(dirname(path), `${name}.new`), old: join(dirname(path), `${name}.old`) };
}

/** Whether a file name is one of ours that is not, or no longer, a result. */
export function isAsideName(name: string): boolean {
  return ASIDE.test(name);
}

/** Whether it is one of the target `path`. */
export function isAsideOf(path: string, name: string): boolean {
  return ASIDE.exec(name)?.[1] === nameHash(path);
}

/** Removes what killed writers of `path` left beside it; a folder that was moved away for its successor is put back first. */
export async function cleanLeftovers(path: string): Promise<void> {
  const self = await markOfThisProcess();
  for (const { name, full, kind } of await leftoversOf(path)) {
    const [, , pid = '', started = '', place = ''] = ASIDE.exec(name) ?? [];
    const running = await isRunning({ pid: Number(pid), started, host: '', place }, self);
    const dead = running === undefined ? await isAbandoned(full) : !running;
    if (!dead) continue;
    if (kind === 'old' && !(await exists(path))) await putBack(full, path);
    // Another user's leftover may not be ours to remove; it is in nobody's way.
    else await rm(full, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Puts back a folder whose replacement was killed between its two renames: `path` is then missing, and its former content
 * waits beside it. Quiet when there is nothing to mend.
 */
export async function recoverFolder(path: string): Promise<void> {
  for (let tries = 0; !(await exists(path)); tries++) {
    const old = (await leftoversOf(path)).find(({ kind }) => kind === 'old');
    if (old === undefined) return;
    // A writer that is alive needs microseconds for its second rename; one that is not will never make it.
    if (tries < 10) await wait(20);
    else await putBack(old.full, path);
  }
}

async function leftoversOf(
  path: string,
): Promise<readonly { readonly name: string; readonly full: string; readonly kind: string }[]> {
  const hash = nameHash(path);
  const names = await readdir(dirname(path)).catch((): string[] => []);
  return names.flatMap((name) => {
    const [, target, , , , kind = ''] = ASIDE.exec(name) ?? [];
    return target === hash ? [{ name, full: join(dirname(path), name), kind }] : [];
  });
}

function nameHash(path: string): string {
  return createHash('sha256').update(basename(path)).digest('hex').slice(0, 16);
}

async function isAbandoned(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_AFTER_MS;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function putBack(old: string, path: string): Promise<void> {
  try {
    await rename(old, path);
  } catch (error) {
    // Another reader put it back first.
    if (errnoOf(error) !== 'ENOENT') throw writeError(path, error);
  }
}
