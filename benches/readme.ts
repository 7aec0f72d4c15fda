// npm run readme: writes the tables of README and docs/performance.md anew, from what the backends say and what was recorded.
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import useSoftwareDevice from '../packages/backend-webgpu/test/software-device.ts';
import { backendsTable, performanceTable, rewritePart, SCRIPT_PARTS, scriptTable } from './readme-tables.ts';
import { readAllResults } from './results.ts';

if (process.argv.includes('--here')) {
  const path = fileURLToPath(new URL('../README.md', import.meta.url));
  const text = await readFile(path, 'utf8');
  const results = await readAllResults();
  const withBackends = rewritePart(text, 'backends', await backendsTable(text));
  await writeFile(path, rewritePart(withBackends, 'performance', performanceTable(results)));
  const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
  const before = await readFile(page, 'utf8');
  await writeFile(
    page,
    SCRIPT_PARTS.reduce((part, script) => rewritePart(part, script, scriptTable(results, script)), before),
  );
} else {
  // A loader reads its environment when a process starts, so that a device in software needs another one.
  await useSoftwareDevice();
  const args = [...process.execArgv, fileURLToPath(import.meta.url), '--here'];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
