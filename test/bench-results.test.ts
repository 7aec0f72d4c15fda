import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Finding } from '../benches/findings.ts';
import { interleave, longestRun, median, pairedRatio, type Row, spread } from '../benches/harness.ts';
import { renderResults } from '../benches/page.ts';
import { misplanned } from '../benches/plan-accuracy.ts';
import { performanceTable, scriptTable } from '../benches/readme-tables.ts';
import { earlier, fitExponent, type Machine, readAllResults, readResults, record } from '../benches/results.ts';
import { sizeFor } from '../benches/size-for.ts';
import { streamed } from '../benches/streamed.ts';
import { formatRows } from '../benches/table.ts';
import { countsItems } from '../benches/task.ts';
import { TASKS, taskOf } from '../benches/tasks/index.ts';
import { timeLeft } from '../benches/time-left.ts';

const machine: Machine = { name: 'toy', processor: 'Toy', cores: 1, memoryGiB: 1, platform: 'none' };
const row = (task: string, backend: string, medianMs: number): Row => ({
  task,
  backend,
  medianMs,
  peer: 'PyTorch <2>',
  gflops: 12.3456,
  ratio: 0.5,
  spread: 0.1,
  matrixGflops: 20,
  share: 0.61728,
  peakMiB: 100,
  inputsMiB: 50,
  peerMedianMs: 2 * medianMs,
  peerPeakMiB: 200,
  rounds: 3,
});

test('rows are kept by machine, in place of earlier ones of the same task and backend', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-results-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  expect((await readResults(machine, folder)).rows).toEqual([]);
  await record(machine, { rows: [row('a', 'x', 10), row('a', 'y', 20)] }, folder);
  const before = await record(machine, { rows: [row('a', 'x', 30), row('b', 'x', 40)] }, folder);
  expect(before.rows.map(({ task, backend, medianMs }) => [task, backend, medianMs])).toEqual([
    ['a', 'x', 30],
    ['a', 'y', 20],
    ['b', 'x', 40],
  ]);
  expect(before.rows[0]).toMatchObject({ gflops: 12.35, share: 0.6173, node: process.versions.node });
  expect(await readAllResults(folder)).toEqual([before]);
  expect(await readdir(folder)).toEqual(['toy.json']);
  // A later run is compared with them.
  const again = row('a', 'x', 33);
  expect(earlier(again, before)).toBe(30);
  expect(formatRows([again], (one) => earlier(one, before))).toMatch(/30 ms \(\+10 %\)$/);
  expect(earlier(row('c', 'x', 1), before)).toBeUndefined();
});

test('the page stands alone, shows every row and escapes what it is given', async () => {
  const rows = [{ ...row('a <task>', 'onnx (cpu)', 10), date: '2026-11-25', node: '20' }];
  const page = renderResults({ machine, rows });
  expect(page).toContain('a &lt;task&gt;');
  expect(page).toContain('PyTorch &lt;2&gt;');
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).not.toMatch(/<(script|link|img)\b|https?:\/\/(?!www\.w3\.org)/);
});

test('a device in software is called so in every table and plot, and bars left and right of the peer are to scale', () => {
  const software = { ...row('a', 'webgpu (SwiftShader driver 5.0.0)', 10), ratio: 900, date: '2026-11-25', node: '20' };
  const rows = [software, { ...software, backend: 'onnx (cpu, 2 threads)', ratio: 0.5 }];
  const said = 'webgpu (SwiftShader driver 5.0.0): software device, no GPU was at hand';
  for (const text of [formatRows(rows), performanceTable([{ machine, rows }]), renderResults({ machine, rows })]) {
    expect(text).toContain(said);
    expect(text.match(/no GPU was at hand/g)).toHaveLength(1);
    expect(text).toContain('900');
  }
  const [, plot = ''] = renderResults({ machine, rows }).split('<figcaption>Time over');
  expect(plot).toContain('webgpu (software device), a: 900');
  // From 1 to 900 and from 0.5 to 1, in logarithms.
  const widths = [...plot.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect((widths[0] ?? 0) / (widths[1] ?? 0)).toBeCloseTo(Math.log(900) / Math.log(2), 1);
});

test.each([
  [{ isTTY: true }, '\r\u001b[K25.0 % done, 3 min left\r\u001b[K'],
  [{}, '25.0 % done, 3 min left\n'],
])('a long run says how far it is and how long it will take, a short one nothing (%o)', (kind, said) => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  onTestFinished(() => clock.mockRestore());
  let written = '';
  const tell = timeLeft({ ...kind, write: (text) => (written += text) });
  clock.mockReturnValue(500);
  tell(0.1);
  expect(written).toBe('');
  clock.mockReturnValue(60_000);
  tell(0.25);
  clock.mockReturnValue(60_900);
  tell(0.3);
  tell(1);
  expect(written).toBe(said);
});

test('runs alternate, the first two rounds are not counted, and long rounds are fewer', async () => {
  const order: string[] = [];
  const contender = (name: string, ms: number) => ({
    run: async () => {
      order.push(name);
      return ms * order.length;
    },
  });
  const rounds = { most: 9, least: 2, seconds: 0 };
  const [a = [], b = []] = await interleave([contender('a', 1), contender('b', 10)], rounds);
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']);
  expect([a, b]).toEqual([
    [5, 7],
    [60, 80],
  ]);
  expect([median(a), spread(b)]).toEqual([6, 20 / 70]);
  expect(pairedRatio([1, 2, 90], [2, 4, 1])).toBe(0.5);
});

test('a slow backend gets a smaller size, and the tasks count their operations as the page says', () => {
  const { manifest } = { manifest: { id: 'x', precision: 'float32', device: 'x', tolerance: 1 } as const };
  const at = (step: number) => ({ choice: 'x', manifest, rates: { matrix: step, step } });
  const task = taskOf('train-step');
  const seconds = longestRun({ most: 9, least: 3, seconds: 120 });
  expect(seconds).toBe(24);
  expect(sizeFor(task, at(100), seconds)).toMatchObject({ batch: 4096 });
  expect(sizeFor(task, at(1), seconds)).toMatchObject({ batch: 1024 });
  expect(sizeFor(task, at(1), seconds / 4)).toMatchObject({ batch: 256 });
  expect(sizeFor(task, at(0.001), seconds)).toMatchObject({ batch: 128 });
  expect(sizeFor(task, at(100), 0)).toMatchObject({ batch: 128 });
  const billions = TASKS.flatMap((one) =>
    countsItems(one) ? [] : [[one.name, one.operations(one.sizes[0] ?? {}) / 1e9] as const],
  );
  expect(Object.fromEntries(billions.map(([name, n]) => [name, Number(n.toPrecision(2))]))).toEqual({
    'train-step': 120,
    'fuse-step': 2800,
    aggregate: 1700,
    project: 420,
    'project-apart': 420,
    'top-k': 520,
    tune: 250,
    'info-nce': 52,
    matrix: 140,
  });
});

test('growth is a power of rows, kept beside the rows, plotted and a table', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-bench-growth-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const points = [1, 4, 16].map((rows) => ({ rows, seconds: 0.5 * rows ** 1.5 }));
  expect(fitExponent(points)).toBeCloseTo(1.5, 12);
  const growth = [{ name: 'a <stage>', backend: 'onnx', expected: 2, exponent: fitExponent(points), points }];
  await record(machine, { growth }, folder);
  const results = await record(machine, { rows: [row('a', 'x', 10)] }, folder);
  expect(results.growth).toMatchObject([{ ...growth[0], exponent: 1.5, node: process.versions.node }]);
  expect(renderResults(results)).toContain('a &lt;stage&gt;: rows ^ 1.5');
  const [, , head, , line] = scriptTable([results], 'growth').split('\n');
  expect(cellsOf(head).join(', ')).toBe(
    'growth, backend, 1 rows, s, 4 rows, s, 16 rows, s, exponent of rows, at the last step, of operations, measured',
  );
  expect(cellsOf(line).slice(0, -1)).toEqual(['a <stage>', 'onnx', '0.5', '4', '32', '1.5', '1.5', '2']);
});

const cellsOf = (line = ''): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

const finding = (what: string, figures: Finding['figures']): Finding => ({ script: 'script', what, figures });

test('what scripts find is kept by script, name and backend, with its date, and shown on the page and in a table', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-bench-findings-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await record(machine, { findings: [finding('a <b>', { 'time, s': 12.34567, 'at most, s': 20 })] }, folder);
  await record(machine, { findings: [finding('c', { 'time, s': 1_048_576 })] }, folder);
  const results = await record(machine, { findings: [finding('c', { 'time, s': 0.5 })] }, folder);
  expect(results.findings).toMatchObject([
    { what: 'a <b>', figures: { 'time, s': 12.35 }, node: process.versions.node },
    { what: 'c', figures: { 'time, s': 0.5 } },
  ]);
  const [date] = new Date().toISOString().split('T');
  const [machineLine, , head, , ...lines] = scriptTable([results, { machine, rows: [] }], 'script').split('\n');
  expect(machineLine).toBe('Toy, 1 cores, 1 GiB:');
  expect([head, ...lines].map(cellsOf)).toEqual([
    ['script', 'time, s', 'at most, s', 'measured'],
    ['a <b>', '12.3', '20', date],
    ['c', '0.5', '–', date],
  ]);
  expect(renderResults(results)).toContain('a &lt;b&gt;');
  expect(scriptTable([results], 'another')).toContain('npm run bench -- another --record');
});

test('streamed batches run on the backend that is asked for', async () => {
  const asked = { smallest: true, largest: false, width: 16, backend: ['@nobody/backend'], note: () => undefined };
  await expect(streamed(asked)).rejects.toThrow('@nobody/backend');
});

test('a plan is wrong where it is more than a quarter off, in what is judged', () => {
  const figures = { 'time, planned / took': 2.3, 'memory, planned / took': 0.74, 'disk, planned / took': 1.25 };
  const findings = [{ script: 'plan', what: 'a config', figures }];
  expect(misplanned(findings, ['memory', 'disk'])).toEqual([
    'a config: memory was planned at 0.74 of what it took, and is to be within 0.25.',
  ]);
  expect(misplanned(findings, ['time', 'memory', 'disk'])).toHaveLength(2);
  expect(misplanned([{ script: 'plan', what: 'nothing measured', figures: {} }], ['disk'])).toHaveLength(1);
});
