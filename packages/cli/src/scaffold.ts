import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FreebindError } from '@freebind/core';
import { writeFolderAtomic } from '@freebind/core/files';

/** Beside src and dist alike. */
const TEMPLATES = fileURLToPath(new URL('../templates/', import.meta.url));
const ENDING = '.tmpl';
/** Ids that are names of npm packages, of files and, in capitals, of classes without further ado. */
const ID = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Writes a package of a space that works and whose tests pass, to be made one's own: all of it or nothing. Gives the paths of its
 * files within `dir`, sorted.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for an id that cannot name a package, FREEBIND_OUTPUT_EXISTS when `dir` is there, FREEBIND_WRITE_FAILED
 */
export async function scaffoldSpace(
  id: string,
  dir: string,
  { version }: { readonly version: string },
): Promise<readonly string[]> {
  if (!ID.test(id))
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A space cannot be called "${id}" here; give small letters, digits and single hyphens, beginning with a letter, such as my-space.`,
    );
  if ((await stat(dir).catch(() => undefined)) !== undefined)
    throw new FreebindError(
      'FREEBIND_OUTPUT_EXISTS',
      `${dir} is there already. Choose another name, or another folder with --out.`,
    );
  const words: Readonly<Record<string, string>> = { id, version, class: `${capitals(id)}Space` };
  const fill = (text: string): string =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (whole, word: string) => words[word] ?? whole);
  const root = join(TEMPLATES, 'space');
  const entries = await readdir(root, { recursive: true });
  const names = entries.filter((name) => name.endsWith(ENDING)).toSorted();
  const files = names.map((name) => fill(name.slice(0, -ENDING.length)).replace(/^gitignore$/, '.gitignore'));
  await writeFolderAtomic(dir, async (aside) => {
    for (const [i, name] of names.entries()) {
      const path = join(aside, files[i] ?? name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, fill(await readFile(join(root, name), 'utf8')));
    }
  });
  return files.toSorted();
}

/** `my-space` as MySpace, and without "Space" twice. */
function capitals(id: string): string {
  const words = id.split('-').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return words.join('').replace(/Space$/, '');
}
