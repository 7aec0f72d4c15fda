// npm run readme: writes the README's tables of backends and figures anew, from what the backends say and what was recorded.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { backendsTable, performanceTable, rewritePart } from './readme-tables.ts';
import { readAllResults } from './results.ts';

const path = fileURLToPath(new URL('../README.md', import.meta.url));
const text = await readFile(path, 'utf8');
const withBackends = rewritePart(text, 'backends', await backendsTable(text));
await writeFile(path, rewritePart(withBackends, 'performance', performanceTable(await readAllResults())));
