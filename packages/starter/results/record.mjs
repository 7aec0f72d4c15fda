// Records finished quickstarts and writes their figures into the README:
// node packages/starter/results/record.mjs quickstart-0 quickstart-1 quickstart-2 (none: only writes the README anew).
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordOf, rewriteFigures } from '../dist/figures.js';

const here = fileURLToPath(new URL('.', import.meta.url));
for (const folder of process.argv.slice(2)) {
  const result = recordOf(JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')));
  if (result.fast) throw new Error(`${folder} is a fast run; record full ones.`);
  await writeFile(join(here, `seed-${result.seed}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
}
const names = (await readdir(here)).filter((name) => name.endsWith('.json')).toSorted();
const results = await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(here, name), 'utf8'))));
const readme = join(here, '../README.md');
await writeFile(readme, rewriteFigures(await readFile(readme, 'utf8'), results));
