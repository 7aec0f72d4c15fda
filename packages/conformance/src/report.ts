import { BACKEND, type Backend, BOND, type ConfiguredPlugin, isFreebindError, SPACE, type Store } from '@freebind/core';
import { backendCases } from './backend/cases.ts';
import { bondCases } from './bond.ts';
import { type ConformanceCase, type Outcome, runCase } from './case.ts';
import { checkSame } from './check.ts';
import { loadPlugin, pluginCases } from './plugin.ts';
import { type SpaceSamples, standardSamples } from './space-samples.ts';
import { spaceCases } from './space.ts';

/** One line of a report. */
export interface ConformanceResult {
  /** What was tested: `plugin`, `backend "onnx"`, `space "clap-general"`. */
  readonly subject: string;
  readonly name: string;
  readonly because?: string;
  readonly status: Outcome['status'];
  /** Of a skip: the reason. Of a failure: what was found and what was expected. */
  readonly message?: string;
  readonly milliseconds: number;
}

/** What the suite found about one plugin. */
export interface ConformanceReport {
  readonly package: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly results: readonly ConformanceResult[];
}

/** Options of `conform`. */
export interface ConformOptions {
  /** The parsed package.json of the plugin's package. */
  readonly packageJson: unknown;
  /** Where the plugin's spaces find their files; default an empty one in memory. */
  readonly store?: Store;
  /** Inputs for the plugin's spaces, where the standard ones do not cover a modality. */
  readonly samples?: SpaceSamples;
  /** A device that is not there is a failure instead of a skip, as release jobs want it. */
  readonly requireDevice?: boolean;
  /** Called after each case. */
  readonly onResult?: (result: ConformanceResult) => void;
}

/** Runs the whole suite on a plugin: on itself and on every backend, space and bond that it brings. Never throws for what the plugin does. */
export async function conform(plugin: ConfiguredPlugin, options: ConformOptions): Promise<ConformanceReport> {
  const { packageJson, store, samples = {}, requireDevice = false, onResult } = options;
  const results: ConformanceResult[] = [];
  const note = (result: ConformanceResult): void => {
    results.push(result);
    onResult?.(result);
  };
  const container = () => loadPlugin(plugin, store);
  const { backends = [], spaces = [], bonds = [] } = plugin.manifest;

  await runCases({ subject: 'plugin', cases: pluginCases(packageJson), open: async () => plugin, requireDevice }, note);
  for (const name of backends) {
    const cases = [answersTo(name), ...backendCases];
    const open = async (): Promise<Backend> => (await container().getAsync(BACKEND, { name }))();
    await runCases({ subject: `backend "${name}"`, cases, open, requireDevice }, note);
  }
  for (const name of spaces) {
    const cases = spaceCases({ ...standardSamples(), ...samples });
    const open = () => container().getAsync(SPACE, { name });
    await runCases({ subject: `space "${name}"`, cases, open, requireDevice }, note);
  }
  for (const name of bonds) {
    const open = () => container().getAsync(BOND, { name });
    await runCases({ subject: `bond "${name}"`, cases: bondCases(), open, requireDevice }, note);
  }
  const count = (status: Outcome['status']): number => results.filter((result) => result.status === status).length;
  return {
    package: plugin.manifest.package,
    passed: count('pass'),
    skipped: count('skip'),
    failed: count('fail'),
    results,
  };
}

/** The report as a table for people: one line a case, reasons behind skips and failures. */
export function formatReport({ package: name, passed, skipped, failed, results }: ConformanceReport): string {
  const marks = { pass: 'pass', skip: 'skip', fail: 'FAIL' };
  const lines = results.flatMap(({ subject, name, status, message }, i) => [
    ...(subject === results[i - 1]?.subject ? [] : ['', subject]),
    `  ${marks[status]}  ${name}${status === 'skip' ? ` (${message})` : ''}`,
    ...(status === 'fail' ? [`        ${message}`] : []),
  ]);
  return [name, ...lines, '', `${passed} passed, ${skipped} skipped, ${failed} failed`].join('\n');
}

function answersTo(name: string): ConformanceCase<Backend> {
  return {
    name: `answers to the name "${name}"`,
    async run({ manifest }) {
      checkSame(manifest.id, name, 'id of the manifest');
    },
  };
}

interface Run<T> {
  readonly subject: string;
  readonly cases: readonly ConformanceCase<T>[];
  readonly open: () => Promise<T>;
  readonly requireDevice: boolean;
}

/** A plugin has nothing to close; everything else has. */
async function closeIfOpen(subject: object): Promise<void> {
  if ('close' in subject && typeof subject.close === 'function') await subject.close();
}

async function runCases<T extends object>(
  { subject, cases, open, requireDevice }: Run<T>,
  note: (result: ConformanceResult) => void,
): Promise<void> {
  const opened = await attempt(open, requireDevice);
  for (const required of cases) {
    const start = performance.now();
    const outcome = 'outcome' in opened ? opened.outcome : await runOne(required, opened.subject, open, requireDevice);
    const { name, because } = required;
    note({
      subject,
      name,
      ...(because === undefined ? {} : { because }),
      status: outcome.status,
      ...(outcome.status === 'skip' ? { message: outcome.reason } : {}),
      ...(outcome.status === 'fail' ? { message: describe(outcome.error) } : {}),
      milliseconds: performance.now() - start,
    });
    // Every case of a subject that cannot be opened would fail alike.
    if ('outcome' in opened && opened.outcome.status === 'fail') break;
  }
  if ('subject' in opened) await closeIfOpen(opened.subject);
}

async function runOne<T extends object>(
  required: ConformanceCase<T>,
  shared: T,
  open: () => Promise<T>,
  requireDevice: boolean,
): Promise<Outcome> {
  if (!required.closes) return runCase(required, shared);
  const own = await attempt(open, requireDevice);
  if ('outcome' in own) return own.outcome;
  const outcome = await runCase(required, own.subject);
  await closeIfOpen(own.subject);
  return outcome;
}

async function attempt<T>(
  open: () => Promise<T>,
  requireDevice: boolean,
): Promise<{ readonly subject: T } | { readonly outcome: Outcome }> {
  try {
    return { subject: await open() };
  } catch (error) {
    if (isFreebindError(error, 'FREEBIND_DEVICE_UNAVAILABLE') && !requireDevice)
      return { outcome: { status: 'skip', reason: error.message } };
    return { outcome: { status: 'fail', error } };
  }
}

function describe(error: unknown): string {
  if (isFreebindError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
