import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from '@freebind/core/files';
import type { Finding } from './findings.ts';
import type { Row } from './harness.ts';

/** Figures were measured on this, and are only compared with figures of the same. */
export interface Machine {
  /** As a file name: processor, cores and, where one is known, the card. */
  readonly name: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

/** What is kept with every figure. */
interface Kept {
  /** Of the recording: `2026-11-25`. */
  readonly date: string;
  /** Version of Node. */
  readonly node: string;
}
export type RecordedRow = Row & Kept;
export type RecordedFinding = Finding & Kept;
export type RecordedGrowth = Growth & Kept;

/** What a run of the bench found. */
export interface Found {
  readonly rows?: readonly Row[];
  readonly findings?: readonly Finding[];
  readonly growth?: readonly Growth[];
}

/** A file of `results/`. */
export interface Results {
  readonly machine: Machine;
  readonly rows: readonly RecordedRow[];
  /** What scripts found that are no tasks of a backend, where that was recorded. */
  readonly findings?: readonly RecordedFinding[];
  /** How tasks grow with rows, where that was recorded. */
  readonly growth?: readonly RecordedGrowth[];
}

/** Seconds of a task by rows. */
export interface Growth {
  readonly name: string;
  readonly backend: string;
  /** Of rows in the task's operations. */
  readonly expected: number;
  /** Fitted: seconds ~ rows ^ exponent. */
  readonly exponent: number;
  readonly points: readonly { readonly rows: number; readonly seconds: number }[];
}

/** The slope of the least-squares line through the logarithms of rows and seconds. */
export function fitExponent(points: Growth['points']): number {
  const logs = points.map(({ rows, seconds }) => [Math.log(rows), Math.log(seconds)] as const);
  const mean = (of: 0 | 1): number => logs.reduce((sum, log) => sum + log[of], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const along = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return along / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

const FOLDER = fileURLToPath(new URL('results/', import.meta.url));

/** This machine. Containers hide its name, and it would tell nobody anything; what it is made of does. */
export function thisMachine(): Machine {
  const processor = (cpus()[0]?.model ?? 'unknown processor').replaceAll(/\s+/g, ' ').trim();
  const cores = availableParallelism();
  const slug = `${processor} ${cores} cores`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return {
    name: slug,
    processor,
    cores,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** What was recorded last on a machine; no rows when nothing was. */
export async function readResults(machine: Machine, folder = FOLDER): Promise<Results> {
  const text = await readFile(join(folder, `${machine.name}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? { machine, rows: [] } : (JSON.parse(text) as Results); // as `record` writes it
}

/** Everything that was recorded, by the names of the machines. */
export async function readAllResults(folder = FOLDER): Promise<readonly Results[]> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith('.json')).toSorted();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Results)); // likewise
}

/** Keeps what was found in place of what was found of the same before; all else of the machine stays. Gives what is kept now. */
export async function record(machine: Machine, found: Found, folder = FOLDER): Promise<Results> {
  const before = await readResults(machine, folder);
  const [date = ''] = new Date().toISOString().split('T');
  const fresh = <T extends object>(all: readonly T[] = []): readonly (T & Kept)[] =>
    all.map((one) => ({ ...rounded(one), date, node: process.versions.node }));
  const { rows, findings = [], growth = [] } = before;
  return write(
    {
      machine,
      rows: replace(rows, fresh(found.rows), isSame),
      findings: replace(findings, fresh(found.findings), isSameFinding),
      growth: replace(growth, fresh(found.growth), (a, b) => a.name === b.name && a.backend === b.backend),
    },
    folder,
  );
}

/** Each of `before` in its place, or what is fresh of the same; what is new behind. */
function replace<T>(before: readonly T[], fresh: readonly T[], same: (a: T, b: T) => boolean): readonly T[] {
  const kept = before.map((old) => fresh.find((one) => same(one, old)) ?? old);
  return [...kept, ...fresh.filter((one) => !before.some((old) => same(one, old)))];
}

async function write(results: Results, folder: string): Promise<Results> {
  await writeFileAtomic(join(folder, `${results.machine.name}.json`), `${JSON.stringify(results, undefined, 2)}\n`);
  return results;
}

/** What the same task took on the same backend before, in ms. */
export function earlier(row: Row, { rows }: Results): number | undefined {
  return rows.find((old) => isSame(row, old))?.medianMs;
}

/** Where the page of a machine is. */
export function pagePath(machine: Machine, folder = FOLDER): string {
  return join(folder, `${machine.name}.html`);
}

function isSame(a: Row, b: Row): boolean {
  return a.task === b.task && a.backend === b.backend;
}

function isSameFinding(a: Finding, b: Finding): boolean {
  return a.script === b.script && a.what === b.what && a.backend === b.backend;
}

/** Numbers to four digits, what is in what as well: more would be noise, and a file that is compared should not change in it. */
function rounded<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, x: unknown) =>
    typeof x === 'number' && !Number.isInteger(x) ? Number(x.toPrecision(4)) : x,
  ) as T; // the same keys
}
