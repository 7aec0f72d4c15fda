import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import picomatch from 'picomatch';

/** A `!` in front negates nothing; behind a bracket it does, and `[:digit:]` is known. */
const AS_A_SHELL = { nonegate: true, posix: true };

/**
 * Files that match a glob, folder by folder, by the code units of their names: the same order on every machine, and in memory
 * never more than the names of the folders that are open. No glob library gives both. As in a shell, names that begin with a
 * dot match only where the pattern says the dot, and `**` does not follow links to folders, while other names do. A link that leads
 * nowhere is given like a file, so that it is missed. Braces with a slash in them are for `expandBraces` first.
 *
 * @throws FREEBIND_FILE_MISSING when nothing matches, or a folder cannot be read
 */
export async function* matchingFiles(pattern: string): AsyncGenerator<string, void, undefined> {
  const { base, glob } = picomatch.scan(
    writePlainBraces(pattern, { '{': '[{]', '}': '[}]' }).replaceAll(/\/{2,}/g, '/'),
    AS_A_SHELL,
  );
  const names = glob.split('/');
  // Of parentheses with a slash in them it is not known how many names they stand for, as of `**`.
  const isOpen = /\([^)]*\//.test(glob);
  const free = isOpen ? 0 : names.findIndex((name) => name.includes('**'));
  const [heads, rest] = free === -1 ? [names.slice(0, -1), []] : [names.slice(0, free), names.slice(free, -1)];
  // What is no pattern in it may have been escaped all the same.
  yield* search(base.replaceAll(/\\(.)/g, '$1'), {
    heads: heads.map((name) => matcherOf(name, name)),
    below: free === -1 ? 'none' : rest.some(saysDot) ? 'all' : 'shown',
    fits: matcherOf(glob, isOpen ? glob : (names.at(-1) ?? '')),
    pattern,
  });
}

/** Files in a folder and below it whose names have one of the endings, in the order of `matchingFiles`. @throws as that */
export async function* filesInFolder(
  folder: string,
  endings: readonly string[],
): AsyncGenerator<string, void, undefined> {
  const pattern = `**/*.{${endings.join(',')}}`;
  const fits = picomatch(pattern, { nocase: true });
  yield* search(folder, { heads: [], below: 'shown', fits, pattern: `${folder}/${pattern}` });
}

/** What a pattern stands for whose braces have a slash in them, in the order written, as a shell has it: `{a,b/c}/*` is `a/*` and `b/c/*`. */
export function expandBraces(pattern: string): readonly string[] {
  let depth = 0;
  let marks: number[] = []; // where the brace and the commas of its alternatives are
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    if (character === '\\') i++;
    else if (character === '{') {
      if (depth++ === 0) marks = [i];
    } else if (character === ',' && depth === 1) marks.push(i);
    else if (character === '}' && depth > 0 && --depth === 0) {
      if (marks.length < 2 || !pattern.slice(marks[0], i).includes('/')) continue;
      const [before, after] = [pattern.slice(0, marks[0]), pattern.slice(i + 1)];
      return marks.flatMap((mark, m) => expandBraces(before + pattern.slice(mark + 1, marks[m + 1] ?? i) + after));
    }
  }
  return [pattern];
}

/** Whether text has characters of a glob in it. */
export function isGlob(text: string): boolean {
  return picomatch.scan(withoutPlainBraces(text), AS_A_SHELL).isGlob;
}

/** A pattern without the braces that stand for themselves. */
export function withoutPlainBraces(pattern: string): string {
  return writePlainBraces(pattern, { '{': '', '}': '' });
}

/**
 * A pattern with those braces written in another way that stand for themselves, as in a shell: escaped ones, those of no pair, and
 * pairs without a comma or `..` between them. Picomatch looks no further for a glob at such a brace, and repeats what is before it.
 */
function writePlainBraces(pattern: string, written: { readonly '{': string; readonly '}': string }): string {
  // Other escaped characters and brackets are tokens that hold no braces.
  const tokens = pattern.match(/\\.|\[[!^]?\]?[^\]/]*\]|\.\.|[^]/gu) ?? [];
  const choices = new Set<number>();
  const open: { readonly at: number; chooses: boolean }[] = [];
  tokens.forEach((token, i) => {
    const last = open.at(-1);
    if (token === '{') open.push({ at: i, chooses: false });
    else if (last !== undefined && (token === ',' || token === '..')) last.chooses = true;
    else if (last !== undefined && token === '}') {
      open.pop();
      if (last.chooses) choices.add(last.at).add(i);
    }
  });
  return tokens
    .map((token, i) => (/^\\?[{}]$/.test(token) && !choices.has(i) ? written[token.endsWith('{') ? '{' : '}'] : token))
    .join('');
}

interface Search {
  /** For messages. */
  readonly pattern: string;
  /** What the names of the first folders must match, which may be links. */
  readonly heads: readonly Matcher[];
  /** Which folders are entered below those, links never: none, those whose names do not begin with a dot, or all. */
  readonly below: 'none' | 'shown' | 'all';
  /** Whether a file is wanted, by its path from where the search began. */
  readonly fits: Matcher;
}

type Matcher = (path: string) => boolean;

/** Names that begin with a dot match only if `last`, the pattern of the name, says one: picomatch takes any bracket for it. */
function matcherOf(pattern: string, last: string): Matcher {
  const matches = picomatch(pattern, AS_A_SHELL);
  const dots = saysDot(last);
  return (path) => (dots || !/(^|\/)\.[^/]*$/.test(path)) && matches(path);
}

/** Whether names that begin with a dot may match. */
function saysDot(pattern: string): boolean {
  return /(^|[/{(,|])\\?\./.test(pattern);
}

async function* search(folder: string, how: Search): AsyncGenerator<string, void, undefined> {
  const root = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
  let found = false;
  for await (const path of filesBelow(root, how, { below: '', level: 0 })) {
    found = true;
    yield path;
  }
  if (found) return;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `No file matches ${how.pattern}. Check it for a slip, and from which folder it counts (${process.cwd()}).`,
  );
}

/** `below` is a folder of `root`, and both end with a slash if they are not empty; `level` is how many names `below` has. */
async function* filesBelow(
  root: string,
  how: Search,
  { below, level }: { readonly below: string; readonly level: number },
): AsyncGenerator<string, void, undefined> {
  for (const entry of await entriesOf(root + below || '.')) {
    const path = below + entry.name;
    const enters = isEntered(entry, level, how);
    const fits = how.fits(path);
    if (!enters && !fits) continue;
    const kind = entry.isSymbolicLink() ? await stat(root + path).catch(() => undefined) : entry;
    if (kind?.isDirectory() === true) {
      if (enters) yield* filesBelow(root, how, { below: `${path}/`, level: level + 1 });
    } else if (fits && kind?.isFile() !== false) yield root + path;
  }
}

function isEntered(entry: Dirent, level: number, { heads, below }: Search): boolean {
  const head = heads[level];
  if (head !== undefined) return head(entry.name);
  return below !== 'none' && !entry.isSymbolicLink() && (below === 'all' || !entry.name.startsWith('.'));
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
