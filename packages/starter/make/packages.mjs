// Where the installed packages are, and JSON out of them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const require = createRequire(import.meta.url);

/** The folder of an installed package, also of one whose exports hide its package.json. */
export function folderOf(name) {
  const root = require.resolve.paths(name).find((path) => {
    try {
      return readFileSync(join(path, name, 'package.json'));
    } catch {
      return false;
    }
  });
  if (root === undefined)
    throw new Error(`"${name}" is not installed; run npm ci in ${dirname(import.meta.url)} first.`);
  return join(root, name);
}

export const readJson = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

export const versionOf = (name) => readJson(folderOf(name), 'package.json').version;
