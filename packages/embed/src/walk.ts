import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import picomatch from 'picomatch';

/**
 * Files that match a glob, folder by folder, by the code units of their names: the same order on every machine, and in memory
 * never more than the names of the folders that are open. No glob library gives both. As in a shell, names that begin with a
 * dot match only where the pattern says the dot, and `**` does not follow links to folders.
 *
 * @throws FREEBIND_FILE_MISSING when nothing matches, or a folder cannot be read
 */
export async function* matchingFiles(pattern: string): AsyncGenerator<string, void, undefined> {
  const { base, glob, maxDepth = Infinity } = picomatch.scan(pattern, { tokens: true, nonegate: true });
  // What is no pattern in it may have been escaped all the same.
  yield* search(base.replaceAll(/\\(.)/g, '$1'), {
    depth: glob.includes('**') ? Infinity : maxDepth,
    fits: picomatch(glob, { nonegate: true }),
    pattern,
  });
}

/** Files in a folder and below it whose names have one of the endings, in the order of `matchingFiles`. @throws as that */
export async function* filesInFolder(
  folder: string,
  endings: readonly string[],
): AsyncGenerator<string, void, undefined> {
  const fits = picomatch(`**/*.{${endings.join(',')}}`, { nocase: true });
  yield* search(folder, { depth: Infinity, fits, pattern: `${folder}/**/*.{${endings.join(',')}}` });
}

/** Whether text has characters of a glob in it. */
export function isGlob(text: string): boolean {
  return picomatch.scan(text, { nonegate: true }).isGlob;
}

interface Search {
  /** For messages. */
  readonly pattern: string;
  /** How many names a path may still have. */
  readonly depth: number;
  /** Whether a path, relative to where the search began, is wanted. */
  readonly fits: (path: string) => boolean;
}

async function* search(folder: string, how: Search): AsyncGenerator<string, void, undefined> {
  let found = false;
  for await (const path of filesBelow(folder, how, '')) {
    found = true;
    yield path;
  }
  if (found) return;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `No file matches ${how.pattern}. Check it for a slip, and from which folder it counts (${process.cwd()}).`,
  );
}

async function* filesBelow(folder: string, how: Search, below: string): AsyncGenerator<string, void, undefined> {
  const { depth, fits } = how;
  const entries = await entriesOf(`${folder}${folder === '' || below === '' ? '' : '/'}${below}` || '.');
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    const full = folder === '' ? path : `${folder === '/' ? '' : folder}/${path}`;
    if (entry.isDirectory()) {
      if (depth > 1 && !entry.name.startsWith('.')) yield* filesBelow(folder, { ...how, depth: depth - 1 }, path);
    } else if (fits(path) && (entry.isFile() || (await isFile(full)))) yield full;
  }
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `The folder ${folder} could not be read (${cause instanceof Error ? cause.message : String(cause)}). Check that it is there and may be read.`,
      { cause },
    );
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a link points to, and file systems that do not tell kinds. */
async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
