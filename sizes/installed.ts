import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closureOf, type Lock, nameOf } from './closure.ts';

/** What installing a package brings. */
export interface Installed {
  readonly name: string;
  /** Bytes of its own files. */
  readonly own: number;
  /** Bytes of all that comes, itself included. */
  readonly total: number;
  /** What comes, by falling size in bytes. */
  readonly parts: readonly (readonly [name: string, bytes: number])[];
}

/** Reads the lockfile in `root`. */
export function readLock(root: string): Lock {
  // What npm writes, as its documentation of package-lock.json describes it.
  return (JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: Lock }).packages;
}

/** Measures what a package brings, of the files that are installed in `root` and of what its packages publish. */
export function installedWith(root: string, lock: Lock, name: string): Installed {
  const parts = [...closureOf(lock, name)].map((folder) => [nameOf(lock, folder), bytesOf(root, folder)] as const);
  return {
    name,
    own: parts[0]?.[1] ?? 0,
    total: parts.reduce((sum, [, bytes]) => sum + bytes, 0),
    parts: parts.toSorted(([, a], [, b]) => b - a),
  };
}

/** Of an installed package everything but the packages within it; of one of the workspace what it publishes. */
function bytesOf(root: string, folder: string): number {
  const home = join(root, folder);
  if (folder.includes('node_modules/')) return weigh(home);
  const { files = [] } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { readonly files?: string[] }; // npm's field
  const published = ['package.json', 'README.md', 'LICENSE', ...files.filter((file) => !file.startsWith('!'))];
  return published.reduce((sum, file) => sum + weigh(join(home, file)), 0);
}

function weigh(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return stats?.size ?? 0;
  return readdirSync(path).reduce((sum, name) => (name === 'node_modules' ? sum : sum + weigh(join(path, name))), 0);
}
