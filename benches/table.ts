import type { Row } from './harness.ts';

/** Drivers that are programs of the CPU. */
const SOFTWARE_DEVICES = /SwiftShader|llvmpipe/;

/** Whether a GPU's programs ran without one. */
export function ranInSoftware({ backend }: Pick<Row, 'backend'>): boolean {
  return SOFTWARE_DEVICES.test(backend);
}

/** The backend with its device; one in software is called so, as its figures say nothing of a GPU's. */
export function describeBackend({ backend }: Pick<Row, 'backend'>): string {
  return ranInSoftware({ backend }) ? `${backend}: software device, no GPU was at hand` : backend;
}

/** The columns of figures that every table of rows has, by their heads. */
const COLUMNS: readonly (readonly [head: string, cell: (row: Row) => string])[] = [
  ['task', ({ task }) => task],
  ['backend', describeBackend],
  ['time', ({ medianMs }) => formatMs(medianMs)],
  ['±', ({ spread }) => `${(50 * spread).toFixed(0)} %`],
  ['rate', formatRate],
  ['of matrix rate', ({ share }) => (share === null ? '–' : `${(100 * share).toFixed(0)} %`)],
  ['busy', ({ busy }) => (busy === undefined ? '–' : `${(100 * busy).toFixed(0)} %`)],
  ['memory', ({ peakMiB }) => `${peakMiB.toFixed(0)} MiB`],
  ['peer', ({ peer, peerMedianMs }) => (peerMedianMs === null ? peer : `${peer}: ${formatMs(peerMedianMs)}`)],
  ['ratio', formatRatio],
];

/** A table for people: rows under heads, columns of one width; with `before`, what each took when it was last recorded. */
export function formatRows(rows: readonly Row[], before?: (row: Row) => number | undefined): string {
  const last = (row: Row): string => {
    const ms = before?.(row);
    return ms === undefined ? '–' : `${formatMs(ms)} (${signed(row.medianMs / ms - 1)})`;
  };
  const columns = before === undefined ? COLUMNS : [...COLUMNS, ['recorded', last] as const];
  return formatTable([columns.map(([head]) => head), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]);
}

/** Lines of cells, columns of one width. */
export function formatTable(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, c) => Math.max(...lines.map((line) => line[c]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, c) => cell.padEnd(widths[c] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A Markdown table as the formatter of this repository writes it: columns padded to one width. */
export function markdownTable(lines: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = lines;
  const widths = head.map((_, c) => Math.max(3, ...lines.map((line) => line[c]?.length ?? 0)));
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join(' | ')} |`;
  return [row(head), row(widths.map((width) => '-'.repeat(width))), ...rest.map(row)].join('\n');
}

/** `840 ms`, `12.4 s`. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

/** `105 GFLOP/s`, or `431 items/s` where a task counts them. */
export function formatRate({ gflops, itemsPerSecond }: Pick<Row, 'gflops' | 'itemsPerSecond'>): string {
  if (itemsPerSecond !== undefined) return `${digits(itemsPerSecond)} items/s`;
  return gflops === null ? '–' : `${digits(gflops)} GFLOP/s`;
}

/** `0.84`, `3.15`, `210`; of no peer, a dash. */
export function formatRatio({ ratio }: Pick<Row, 'ratio'>): string {
  if (ratio === null) return '–';
  return ratio < 10 ? ratio.toFixed(2) : digits(ratio);
}

/** Three digits, and no more behind the point than it takes. */
export function digits(x: number): string {
  return x >= 100 ? x.toFixed(0) : String(Number(x.toPrecision(3)));
}

function signed(x: number): string {
  return `${x < 0 ? '−' : '+'}${Math.abs(100 * x).toFixed(0)} %`;
}
