import { readFile, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FreebindError } from '@freebind/core';
import { writeFileAtomic } from '@freebind/core/files';

/** What has arrived of a file is kept here until it is whole. */
export const partOf = (target: string): string => `${target}.part`;
const noteOf = (target: string): string => `${target}.part.json`;

/** What a part belongs to. */
export interface PartNote {
  /** As `shownUrl` gives it: links are signed anew each time. */
  readonly url: string;
  /** The strong ETag or else the Last-Modified that its server gave. */
  readonly validator?: string;
}

export async function writePartNote(target: string, note: PartNote): Promise<void> {
  await writeFileAtomic(noteOf(target), JSON.stringify(note));
}

/**
 * The part of a file that another try, or another process, left; undefined where there is none that can be continued. Without a
 * validator only a checksum (`checked`) can tell whether the rest belongs to it.
 */
export async function resumablePart(
  target: string,
  url: string,
  checked: boolean,
): Promise<{ readonly size: number; readonly validator: string | undefined } | undefined> {
  const size = await sizeOf(partOf(target));
  const note = await readNote(target);
  if (size === 0 || note?.url !== url || (note.validator === undefined && !checked)) return undefined;
  return { size, validator: note.validator };
}

async function readNote(target: string): Promise<PartNote | undefined> {
  try {
    const note: unknown = JSON.parse(await readFile(noteOf(target), 'utf8'));
    if (typeof note !== 'object' || note === null || !('url' in note) || typeof note.url !== 'string') return undefined;
    const validator = 'validator' in note && typeof note.validator === 'string' ? { validator: note.validator } : {};
    return { url: note.url, ...validator };
  } catch {
    return undefined; // none, or cut short: the file begins anew
  }
}

/** Removes the part of a file and the note about it. */
export async function discardPart(target: string): Promise<void> {
  await rm(partOf(target), { force: true });
  await rm(noteOf(target), { force: true });
}

/** Bytes of a file; 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** @throws FREEBIND_WRITE_FAILED when `bytes` more do not fit where `path` is */
export async function checkRoom(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bytes <= bavail * bsize) return;
  throw new FreebindError(
    'FREEBIND_WRITE_FAILED',
    `${path} needs ${bytes} bytes more, and ${bavail * bsize} are free there. Free some space, or set FREEBIND_MODELS to a folder on another disk.`,
  );
}

/** What the system said while `path` was written. */
export function unwritable(path: string, cause: unknown): FreebindError {
  const { code, message } = cause as NodeJS.ErrnoException; // what node:fs throws
  return new FreebindError(
    'FREEBIND_WRITE_FAILED',
    `${path} cannot be written (${code ?? message}). Give this process the permission or the room, or set FREEBIND_MODELS to another folder.`,
    { cause },
  );
}
