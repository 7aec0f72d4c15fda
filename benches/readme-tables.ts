import { type Backend, freebind, isFreebindError } from '@freebind/core';
import { OWN_BACKENDS } from '@freebind/core/config';
import { findingLines, findingsByScript } from './findings.ts';
import type { Machine, RecordedRow, Results } from './results.ts';
import { describeBackend, formatMs, formatRate, formatRatio, markdownTable } from './table.ts';

/** Puts `content` between a text's two marks of this name, which say what writes it. @throws when it has none */
export function rewritePart(text: string, name: string, content: string, by = 'npm run readme'): string {
  const [begin, end] = [`<!-- ${name}: written by ${by} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`The text has no lines ${begin} and ${end}.`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}

/** What a backend promises that does not depend on the machine; a backend that does not run here keeps the line it has in `text`. */
export async function backendsTable(text: string): Promise<string> {
  const lines: string[][] = [];
  for (const name of OWN_BACKENDS) {
    const cells = (await promises(name)) ?? cellsIn(text, name);
    if (cells !== undefined) lines.push(cells);
  }
  return markdownTable([
    ['backend', 'precision', 'trains', 'bank larger than memory', 'same bits again', 'within'],
    ...lines,
  ]);
}

/** Undefined for one that does not run here. */
async function promises(name: string): Promise<string[] | undefined> {
  const fb = await freebind({ backend: name }).catch(ignoreAbsence);
  try {
    const backend: Backend | undefined = await fb?.backend().catch(ignoreAbsence);
    if (backend === undefined) return undefined;
    const { precision, training, streamedBank, bitwiseRepeatable, tolerance } = backend.manifest;
    return [
      `\`${name}\``,
      precision,
      yes(training),
      yes(streamedBank),
      yes(bitwiseRepeatable),
      tolerance.toExponential(0),
    ];
  } finally {
    await fb?.close();
  }
}

function yes(has: true | undefined): string {
  return has ? 'yes' : 'no';
}

function ignoreAbsence(error: unknown): undefined {
  if (isFreebindError(error, 'FREEBIND_DEVICE_UNAVAILABLE') || isFreebindError(error, 'FREEBIND_PLUGIN_MISSING'))
    return;
  throw error;
}

function cellsIn(text: string, name: string): string[] | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`| \`${name}\``) && one.split('|').length === 8);
  return line
    ?.split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The recorded figures of every machine, the largest size of each task first. */
export function performanceTable(results: readonly Results[]): string {
  if (results.length === 0) return 'Nothing is recorded yet: `npm run bench -- --record` on a quiet machine does it.';
  return results
    .map(({ machine, rows }) => `${describe(machine)}:\n\n${markdownTable([HEADS, ...rows.map(cellsOf)])}`)
    .join('\n\n');
}

/** The scripts whose findings are in docs/performance.md, each between marks of its name. */
export const SCRIPT_PARTS = ['start-up', 'plan', 'reading', 'growth', 'streamed'];

/** What a script found on every machine where that was recorded. */
export function scriptTable(results: readonly Results[], script: string): string {
  const tables = results.flatMap((one) => {
    const findings = findingsByScript(one).get(script);
    return findings === undefined ? [] : [`${describe(one.machine)}:\n\n${markdownTable(findingLines(findings))}`];
  });
  return tables.join('\n\n') || `Nothing is recorded yet: \`npm run bench -- ${script} --record\` does it.`;
}

function describe({ processor, cores, memoryGiB }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB`;
}

const HEADS = ['task', 'backend', 'time', 'rate', 'of matrix rate', 'memory', 'peer', 'ratio'];

function cellsOf(row: RecordedRow): string[] {
  return [
    row.task,
    describeBackend(row),
    formatMs(row.medianMs),
    formatRate(row),
    row.share === null ? '–' : `${(100 * row.share).toFixed(0)} %`,
    `${row.peakMiB.toFixed(0)} MiB`,
    row.peerMedianMs === null ? '–' : `${row.peer}: ${formatMs(row.peerMedianMs)}`,
    formatRatio(row),
  ];
}
