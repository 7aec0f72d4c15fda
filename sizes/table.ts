import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from '../benches/table.ts';
import type { Installed } from './installed.ts';

/** Parts of at least this share of a package's size are named. */
const NAMED = 0.05;

/** Names of what the workspace publishes. */
export function publishedPackages(root: string): readonly string[] {
  return readdirSync(join(root, 'packages'))
    .map(
      (folder) => JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as { name: string },
    ) // npm's field
    .map(({ name }) => name)
    .toSorted();
}

/** A table of what installing each package brings. */
export function sizesTable(all: readonly Installed[]): string {
  return markdownTable([
    ['`npm i`', 'packages', 'MB', 'of which'],
    ...all.map(({ name, total, parts }) => [
      `\`${name}\``,
      String(parts.length),
      megabytes(total),
      parts
        .filter(([part, bytes]) => part !== name && bytes >= NAMED * total)
        .map(([part, bytes]) => `${part} ${megabytes(bytes)}`)
        .join(', '),
    ]),
  ]);
}

/** 10⁶ bytes, with two digits where they are few. */
function megabytes(bytes: number): string {
  const mega = bytes / 1e6;
  return mega < 10 ? mega.toFixed(1) : mega.toFixed(0);
}
