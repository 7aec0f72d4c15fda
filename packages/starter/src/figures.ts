import type { QuickstartResult } from './result.ts';

/** What is kept of a run to write figures from: no curves, surfaces or gallery. */
export type RecordedResult = Pick<
  QuickstartResult,
  'seed' | 'backend' | 'fast' | 'stages' | 'directions' | 'rows' | 'factors' | 'forgetting'
>;

/** The part of a result that is recorded. */
export function recordOf({
  seed,
  backend,
  fast,
  stages,
  directions,
  rows,
  factors,
  forgetting,
}: QuickstartResult): RecordedResult {
  return { seed, backend, fast, stages, directions, rows, factors, forgetting };
}

/** Between these two lines of a text the figures stand. */
const BEGIN = '<!-- figures: written by results/record.mjs -->';
const END = '<!-- /figures -->';

/** Puts the figures of recorded runs between the markers of a Markdown text; a text without markers stays as it is. */
export function rewriteFigures(text: string, results: readonly RecordedResult[]): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from === -1 || to < from) return text;
  return `${text.slice(0, from)}${BEGIN}\n\n${formatFigures(results)}\n\n${text.slice(to)}`;
}

/** Markdown tables of recorded runs: every row on test concepts, by seed, and the seconds of each stage. */
export function formatFigures(results: readonly RecordedResult[]): string {
  const seeds = results.map(({ seed }) => `seed ${seed}`);
  const ids = results[0]?.rows.filter(({ split }) => split === 'test').map(({ id, name }) => ({ id, name })) ?? [];
  const rowsOf = (split: 'test' | 'unseen', figure: 'mean' | 'audioImage'): readonly (readonly string[])[] =>
    ids.map(({ id, name }) => [
      name,
      ...results.map(({ rows }) => {
        const found = rows.find((row) => row.id === id && row.split === split)?.[figure];
        return found === null || found === undefined
          ? '–'
          : `${found.value.toFixed(1)} [${found.low.toFixed(1)}, ${found.high.toFixed(1)}]`;
      }),
    ]);
  const seconds = (name: string): readonly string[] =>
    results.map(({ stages }) => (stages.find((stage) => stage.name === name)?.seconds ?? 0).toFixed(0));
  const total = results.map(({ stages }) => stages.reduce((sum, stage) => sum + stage.seconds, 0).toFixed(0));
  return [
    'Test concepts (the experts saw them, U did not), mean R@1 over six directions (an expert alone: over its two), %, with 95 % intervals:',
    table([['', ...seeds], ...rowsOf('test', 'mean')]),
    'Test concepts, R@5 between audio and image, %: the measure of binding.',
    table([['', ...seeds], ...rowsOf('test', 'audioImage').filter(([, first]) => first !== '–')]),
    'Concepts that nobody saw, the same:',
    table([['', ...seeds], ...rowsOf('unseen', 'mean')]),
    'Seconds a stage:',
    table([
      ['', ...seeds],
      ...(results[0]?.stages ?? []).map(({ name }) => [name, ...seconds(name)]),
      ['in all', ...total],
    ]),
  ].join('\n\n');
}

/** A Markdown table as the formatter of this repository writes it: columns padded to one width. */
function table(lines: readonly (readonly string[])[]): string {
  const columns = lines[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, c) => Math.max(3, ...lines.map((line) => (line[c] ?? '').length)));
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join(' | ')} |`;
  const [head = [], ...rest] = lines;
  return [row(head), row(widths.map((width) => '-'.repeat(width))), ...rest.map(row)].join('\n');
}
