import { resolve } from 'node:path';
import { FreebindError, isFreebindError } from '../errors.ts';
import { cleanLeftovers } from '../files/leftovers.ts';
import type { Json } from '../files/provenance.ts';
import { findDifference } from './identity.ts';

/**
 * Reads what an earlier run left at `out`, or undefined where there is nothing of its kind; with `replace`, also where it cannot
 * be read. What a writer left beside it that was killed after its result was in place is removed: nobody else would.
 */
export async function readFinished<T>(
  out: string,
  read: (dir: string) => Promise<T>,
  replace = false,
): Promise<T | undefined> {
  await cleanLeftovers(resolve(out));
  return read(out).catch((error: unknown) => {
    // Other files in the folder are for the writer to refuse.
    if (isFreebindError(error, 'FREEBIND_FILE_MISSING') || replace) return undefined;
    throw error;
  });
}

/**
 * Whether what stands at `out` was made from the same data with the same options.
 *
 * @throws FREEBIND_OUTPUT_EXISTS when it was made from others, saying what differs, and `replace` is off
 */
export function isFinished(out: string, there: unknown, here: unknown, replace = false): boolean {
  if (there === undefined) return false;
  const difference = findDifference(there, here);
  if (difference === undefined) return true;
  if (replace) return false;
  throw new FreebindError(
    'FREEBIND_OUTPUT_EXISTS',
    `${out} was made by another run: ${difference}. Choose another folder, or ask for it to be replaced (\`--force\`).`,
  );
}

/**
 * What `find` finds at a place, or undefined where there is nothing and `checkFree` lets something be put there. What another
 * process puts there between the two is found.
 */
export async function findOrFree<T>(
  find: () => Promise<T | undefined>,
  checkFree: () => Promise<void>,
): Promise<T | undefined> {
  const there = await find();
  if (there !== undefined) return there;
  try {
    await checkFree();
    return undefined;
  } catch (error) {
    const late = await find();
    if (late !== undefined) return late;
    throw error;
  }
}

/** A value as JSON keeps it: without keys that are undefined. */
export function plain(value: unknown): Json {
  // What JSON.parse gives is JSON.
  return JSON.parse(JSON.stringify(value)) as Json;
}
