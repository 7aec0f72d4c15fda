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

/** What a package can be of. */
export type Kind = 'space' | 'backend';

/**
 * Writes a package of a space or a backend that works and whose tests pass, to be made one's own: all of it or nothing. Gives the
 * paths of its files within `dir`, sorted.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for an id that cannot name a package, FREEBIND_OUTPUT_EXISTS when `dir` is there, FREEBIND_WRITE_FAILED
 */
export async function scaffold(
  kind: Kind,
  id: string,
  dir: string,
  { version }: { readonly version: string },
): Promise<readonly string[]> {
  if (!ID.test(id))
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A ${kind} cannot be called "${id}" here; give small letters, digits and single hyphens, beginning with a letter, such as my-${kind}.`,
    );
  if ((await stat(dir).catch(() => undefined)) !== undefined)
    throw new FreebindError(
      'FREEBIND_OUTPUT_EXISTS',
      `${dir} is there already. Choose another name, or another folder with --out.`,
    );
  // Without "space" or "backend" twice.
  const stem = id.replace(new RegExp(`-${kind}$`), '');
  const capital = capitals(stem);
  const words: Readonly<Record<string, string>> = {
    id,
    kind,
    version,
    stem,
    capital,
    camel: `${capital.charAt(0).toLowerCase()}${capital.slice(1)}`,
    words: id.replaceAll('-', ' '),
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (whole, word: string) => words[word] ?? whole);
  const files = new Map<string, string>();
  for (const root of [join(TEMPLATES, 'common'), join(TEMPLATES, kind)])
    for (const name of await readdir(root, { recursive: true }))
      if (name.endsWith(ENDING))
        files.set(fill(name.slice(0, -ENDING.length)).replace(/^gitignore$/, '.gitignore'), join(root, name));
  await writeFolderAtomic(dir, async (aside) => {
    for (const [file, template] of files) {
      await mkdir(dirname(join(aside, file)), { recursive: true });
      await writeFile(join(aside, file), fill(await readFile(template, 'utf8')));
    }
  });
  return [...files.keys()].toSorted();
}

/** `my-space` as MySpace. */
function capitals(id: string): string {
  return id
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}
