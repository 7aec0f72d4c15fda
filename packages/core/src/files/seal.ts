import { rm, stat } from 'node:fs/promises';
import { writeFileAtomic } from './atomic.ts';
import { fingerprint } from './fingerprint.ts';
import { readText } from './ranged-file.ts';

/** Suffix of the file that says what the bytes of the file beside it hash to. */
export const SEAL = '.sha256';

/** Says of a finished file, beside it, what its bytes hash to, so that a later run can tell whether it still has them. @throws FREEBIND_WRITE_FAILED */
export async function seal(path: string): Promise<void> {
  await writeFileAtomic(`${path}${SEAL}`, `${await fingerprint(path)}\n`);
}

/**
 * Whether a sealed file is there: `whole` with the bytes that were sealed, which takes one pass over them; `damaged` with
 * others; `absent` without the file or its seal, as a kill between the two leaves it.
 */
export async function checkSeal(path: string): Promise<'whole' | 'damaged' | 'absent'> {
  const sealed = await readText(`${path}${SEAL}`).catch(() => undefined);
  if (sealed === undefined || (await stat(path).catch(() => undefined)) === undefined) return 'absent';
  return `${await fingerprint(path).catch(() => 'unreadable')}\n` === sealed ? 'whole' : 'damaged';
}

/** Removes a file and its seal. Quiet when they are not there. */
export async function removeSealed(path: string): Promise<void> {
  // The seal first: what a kill leaves is then absent.
  await rm(`${path}${SEAL}`, { force: true });
  await rm(path, { force: true });
}
