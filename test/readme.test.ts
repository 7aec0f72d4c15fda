import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { backendsTable, performanceTable, rewritePart, SCRIPT_PARTS, scriptTable } from '../benches/readme-tables.ts';
import { type Results, readAllResults } from '../benches/results.ts';

const readme = await readFile(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

const performance = await readFile(fileURLToPath(new URL('../docs/performance.md', import.meta.url)), 'utf8');

// `npm run readme` mends all of them.
test("README's table of backends is what the backends that run here say", async () => {
  expect(rewritePart(readme, 'backends', await backendsTable(readme))).toBe(readme);
  expect(readme).toMatch(/^\| `@freebind\/backend-onnx` +\| float32 +\| yes/m);
});

test("README's figures are those that were recorded", async () => {
  expect(rewritePart(readme, 'performance', performanceTable(await readAllResults()))).toBe(readme);
});

test.each(SCRIPT_PARTS)("docs/performance.md's figures of %s are those that were recorded", async (script) => {
  expect(rewritePart(performance, script, scriptTable(await readAllResults(), script))).toBe(performance);
});

test('a recorded figure stands in the table with its machine, its peer and its share', () => {
  const row = {
    task: 'a task, 8 × 8',
    backend: 'onnx (cpu, 2 threads)',
    peer: 'PyTorch 1.13, 2 threads',
    medianMs: 1190,
    gflops: 104.7,
    ratio: 0.684,
    spread: 0.04,
    matrixGflops: 131,
    share: 0.799,
    peakMiB: 412.4,
    inputsMiB: 90,
    peerMedianMs: 1740,
    peerPeakMiB: 800,
    rounds: 9,
    date: '2026-11-25',
    node: '20.20.2',
  };
  const machine = { name: 'x', processor: 'Some CPU', cores: 2, memoryGiB: 24, platform: 'linux x64' };
  const results: Results = { machine, rows: [row] };
  const [head, , , , line] = performanceTable([results]).split('\n');
  expect(head).toBe('Some CPU, 2 cores, 24 GiB:');
  expect(line?.split('|').map((cell) => cell.trim())).toEqual([
    '',
    row.task,
    row.backend,
    '1.19 s',
    '105 GFLOP/s',
    '80 %',
    '412 MiB',
    'PyTorch 1.13, 2 threads: 1.74 s',
    '0.68',
    '',
  ]);
  expect(performanceTable([])).toContain('--record');
});
