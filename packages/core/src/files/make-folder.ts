import { mkdir, stat } from 'node:fs/promises';
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
      // Another may have been quicker.
      if (!(await isFolder(path))) throw error;
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

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
