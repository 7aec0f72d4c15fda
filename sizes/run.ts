// npm run sizes: prints what installing each package brings, on this machine, and writes the README's table of it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rewritePart } from '../benches/readme-tables.ts';
import { installedWith, readLock } from './installed.ts';
import { publishedPackages, sizesTable } from './table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = readLock(root);
const all = publishedPackages(root).map((name) => installedWith(root, lock, name));
const table = sizesTable(all);
console.log(table);
const readme = fileURLToPath(new URL('../README.md', import.meta.url));
writeFileSync(readme, rewritePart(readFileSync(readme, 'utf8'), 'sizes', table, 'npm run sizes'));
