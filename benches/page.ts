import * as Plot from '@observablehq/plot';
import { axis, figure, type Html, html, renderPage } from '@freebind/report';
import { findingLines, findingsByScript } from './findings.ts';
import type { Growth, RecordedRow, Results } from './results.ts';
import { describeBackend, digits, formatMs, formatRate, formatRatio, ranInSoftware } from './table.ts';

/** The figures of one machine as a page of their own: shares and ratios as plots, all rows as a table. */
export function renderResults(results: Results): string {
  const { machine, rows, growth = [] } = results;
  const { processor, cores, memoryGiB, platform } = machine;
  const measured = rows.filter(({ share }) => share !== null);
  const against = rows.filter(({ ratio }) => ratio !== null);
  const title = `freebind on ${processor}, ${cores} cores`;
  const body = html`<h1>${title}</h1>
    <p>
      ${memoryGiB} GiB, ${platform}. Medians of runs that alternated; every backend and peer in a process of its own.
    </p>
    <div class="plots">
      ${bars('Share of the matrix rate', axis('% of the rate of one large product'), measured, ({ share }) => 100 * (share ?? 0), 0)}
      ${bars(
        'Time over the peer’s',
        // Backends in plain JavaScript take hundreds of times as long.
        axis('time over the peer’s (left of 1 is faster)', { type: 'log', nice: false, tickFormat: digits }),
        against,
        ({ ratio }) => ratio ?? 1,
        1,
      )}
      ${growth.length > 0 ? growthPlot(growth) : ''}
    </div>
    <div class="table">${table([HEADS, ...rows.map(cells)])}</div>
    ${[...findingsByScript(results)].map(
      ([script, findings]) =>
        html`<h2>${script}</h2>
          <div class="table">${table(findingLines(findings))}</div>`,
    )}`;
  return renderPage({ title, body, footer: 'Made by npm run bench -- --record' });
}

/** One bar a row, task over task, from the value at which bars begin. */
function bars(
  title: string,
  x: ReturnType<typeof axis>,
  rows: readonly RecordedRow[],
  value: (row: RecordedRow) => number,
  from: number,
): Html {
  const drawn = rows.map((row) => ({
    name: `${nameOf(row)}, ${row.task.split(',')[0] ?? ''}`,
    task: row.task,
    value: value(row),
  }));
  const said = drawn.map((bar) => `${bar.task} on ${bar.name}: ${digits(bar.value)}`);
  return figure({
    title,
    description: `${x.label ?? ''}. ${said.join('; ')}.`,
    plot: {
      height: 60 + 34 * drawn.length,
      marginLeft: 6,
      marginBottom: 40,
      x,
      y: { axis: null, padding: 0.55 },
      marks: [
        Plot.barX(drawn, { x1: from, x2: 'value', y: (_, i) => i, fill: 'var(--accent)' }),
        Plot.text(drawn, {
          frameAnchor: 'left',
          y: (_, i: number) => i,
          text: (bar: (typeof drawn)[number]) => `${bar.name}: ${digits(bar.value)}`,
          textAnchor: 'start',
          dy: -12,
          fill: 'var(--ink)',
        }),
        Plot.ruleX([from], { stroke: 'var(--ink)' }),
      ],
    },
  });
}

/** Seconds by rows, both in powers of ten, where a power law is a straight line. */
function growthPlot(growth: readonly Growth[]): Html {
  const named = growth.map(({ name, exponent, points }) => ({ name: `${name}: rows ^ ${digits(exponent)}`, points }));
  const drawn = named.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  return figure({
    title: 'Growth with rows',
    description: `seconds by rows. ${named.map(({ name }) => name).join('; ')}.`,
    plot: {
      height: 320,
      marginBottom: 40,
      marginTop: 30,
      x: axis('rows', { type: 'log' }),
      y: axis('seconds', { type: 'log' }),
      marks: [
        Plot.line(drawn, { x: 'rows', y: 'seconds', z: 'name', stroke: 'var(--accent)' }),
        Plot.dot(drawn, { x: 'rows', y: 'seconds', fill: 'var(--accent)' }),
        Plot.text(
          named.map(({ name, points }) => ({ name, ...points.at(-1) })),
          { x: 'rows', y: 'seconds', text: 'name', textAnchor: 'end', dy: -12, fill: 'var(--ink)' },
        ),
      ],
    },
  });
}

const HEADS = ['task', 'backend', 'time', 'rate', 'share', 'busy', 'memory', 'peer', 'ratio', 'recorded'];

/** Heads and lines. */
function table([heads = [], ...lines]: readonly (readonly string[])[]): Html {
  return html`<table>
    <thead>
      <tr>
        ${heads.map((head) => html`<th scope="col">${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${lines.map(
        (line) =>
          html`<tr>
            ${line.map((cell) => html`<td>${cell}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** The backend's id, and whether its device is one in software. */
function nameOf(row: RecordedRow): string {
  const [id = row.backend] = row.backend.split(/[ ,]/);
  return ranInSoftware(row) ? `${id} (software device)` : id;
}

function cells(row: RecordedRow): readonly string[] {
  return [
    row.task,
    describeBackend(row),
    `${formatMs(row.medianMs)} ± ${(50 * row.spread).toFixed(0)} %`,
    formatRate(row),
    row.share === null ? '–' : `${(100 * row.share).toFixed(0)} %`,
    row.busy === undefined ? '–' : `${(100 * row.busy).toFixed(0)} %`,
    `${row.peakMiB.toFixed(0)} MiB`,
    row.peerMedianMs === null ? row.peer : `${row.peer}: ${formatMs(row.peerMedianMs)}`,
    formatRatio(row),
    row.date,
  ];
}
