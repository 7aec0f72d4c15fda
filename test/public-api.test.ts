import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

// What a program can import is API: a name that goes or comes shows here, and in the change's diff.
const packages = join(import.meta.dirname, '../packages');
const entries = readdirSync(packages)
  .map((folder) => JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8')))
  // `./vitest` registers tests when it is imported, and a command has no entry.
  .flatMap(({ name, exports = {} }) => Object.keys(exports).map((path) => `${name}${path.slice(1)}`))
  .filter((entry) => !entry.endsWith('/vitest'));

it.each(entries)('%s exports the names that are written down', async (entry) => {
  expect(Object.keys(await import(entry)).sort()).toMatchSnapshot();
});
