import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** SHA-256 of every file under a folder, or of one file, by its path in it. */
export type Tree = ReadonlyMap<string, string>;

/** What is at `path`; an empty tree where nothing is. */
export function treeOf(path: string): Tree {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return new Map();
  if (!stats.isDirectory()) return new Map([['', hashOf(path)]]);
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [file.slice(path.length + 1), hashOf(file)]));
}

/** The first few differences of two trees, in words; none for equal ones. */
export function differences(found: Tree, expected: Tree): readonly string[] {
  const names = [...new Set([...expected.keys(), ...found.keys()])].filter(
    (name) => found.get(name) !== expected.get(name),
  );
  return names.slice(0, 5).map((name) => {
    if (!expected.has(name)) return `${name} is left over`;
    return found.has(name) ? `${name} has other bytes` : `${name} is missing`;
  });
}

export function equalTrees(a: Tree, b: Tree): boolean {
  return differences(a, b).length === 0;
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Room that the files under a folder take, in pages of 4 KiB, as on a tmpfs. */
export function kibOf(dir: string): number {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(dir, name)));
  return files.reduce((sum, stats) => sum + (stats.isFile() ? 4 * Math.ceil(stats.size / 4096) : 0), 0);
}
