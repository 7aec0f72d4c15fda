// npm run readme: writes the README's tables of backends and figures anew, from what the backends say and what was recorded.
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import useSoftwareDevice from '../packages/backend-webgpu/test/software-device.ts';
import { backendsTable, performanceTable, rewritePart } from './readme-tables.ts';
import { readAllResults } from './results.ts';

if (process.argv.includes('--here')) {
  const path = fileURLToPath(new URL('../README.md', import.meta.url));
  const text = await readFile(path, 'utf8');
  const withBackends = rewritePart(text, 'backends', await backendsTable(text));
  await writeFile(path, rewritePart(withBackends, 'performance', performanceTable(await readAllResults())));
} else {
  // A loader reads its environment when a process starts, so that a device in software needs another one.
  await useSoftwareDevice();
  const args = [...process.execArgv, fileURLToPath(import.meta.url), '--here'];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
