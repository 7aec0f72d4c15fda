import { lstat, mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './ranged-file.ts';

/**
 * Makes a folder and those it lies in, where they are not there. Node's own `recursive` never ends where a system that has the
 * folder around it says that one in it cannot be found, as Linux's /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<void> => {
    try {
      await mkdir(path);
    } catch (error) {
      // Another may have been quicker, and have taken it away since.
      const there = await kindOf(path);
      if (there === 'nothing' && errnoOf(error) === 'EEXIST') await make();
      else if (there !== 'folder') throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    const parent = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent);
    await make();
  }
}

/** Removes a folder that nothing is in; leaves it where something is, or where the system refuses. */
export async function removeIfEmpty(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}

async function kindOf(path: string): Promise<'nothing' | 'folder' | 'other'> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return 'nothing';
  const what = there.isSymbolicLink() ? await stat(path).catch(() => there) : there;
  return what.isDirectory() ? 'folder' : 'other';
}
