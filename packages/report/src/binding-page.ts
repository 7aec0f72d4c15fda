import type { BindingReport, BindingRow, Comparison } from '@freebind/core';
import { forgetting, leakage } from './checks.ts';
import { arrow, figuresTables, glossary, mean } from './figures-table.ts';
import { type Html, html } from './html.ts';
import { type IntervalPoint, intervals } from './intervals.ts';
import { count, interval, oneDecimal, signed } from './numbers.ts';
import { renderPage, section } from './page.ts';
import { directionResult, percent } from './percent.ts';
import type { Figure, ForgettingRow, LeakageCheck, ScoredRow } from './result.ts';

/** What a page on a bound space shows. */
export interface BindingPage {
  /** `u + d(vt) + c(at)`, or a space's id. */
  readonly title: string;
  readonly report: BindingReport;
  /** Where it was looked for. */
  readonly leakage?: LeakageCheck;
  /** Lines on how it was made: files, rows, factors, backend, seed. */
  readonly provenance: readonly string[];
}

interface Row extends ScoredRow {
  readonly mean: Figure;
  /** Whether it searches in every direction that the space before binding has. */
  readonly whole: boolean;
  /** Mean R@1 of this row less that of the space before binding, points. */
  readonly change: Figure | undefined;
}

/** A bound space beside its controls, as one HTML file that needs nothing else. */
export function renderBinding({ title, report, leakage: leaks, provenance }: BindingPage): string {
  const rows = rowsOf(report);
  const told = rows.find(({ id }) => id === 'bound') ?? rows[0];
  return renderPage({
    title: `${title}: retrieval between modalities`,
    footer: 'Made by freebind eval. FreeBind: Wang et al., ICML 2024. FuseMix: Vouitsis et al., CVPR 2024.',
    body: html`<h1>${title}</h1>
      <ul class="small">
        ${provenance.map((line) => html`<li>${line}</li>`)}
      </ul>
      ${section('table', 'What binding gains', html`${plots(rows, told?.id ?? '')}${changes(rows)}${tables(rows, report, told?.id ?? '')}${glossary()}${refused(report)}`)}
      ${section('checks', 'What could be wrong', html`${leaks === undefined ? notLookedFor() : leakage(leaks)}${forgetting(forgettingRows(report))}`)}`,
  });
}

/** What each bond costs or brings the space before binding, direction by direction. */
export function forgettingRows({ rows }: Pick<BindingReport, 'rows'>): readonly ForgettingRow[] {
  return rows
    .filter(({ kind }) => kind === 'bound')
    .flatMap(({ name, change = [] }) =>
      change
        .filter(({ direction, k }) => direction !== 'mean' && k === 1)
        .map(({ direction, before, after, difference }) => {
          const { low, high } = percent(difference);
          const [was, is] = [100 * before, 100 * after];
          return { bond: name, direction, before: was, after: is, low, high };
        }),
    );
}

function rowsOf({ rows }: BindingReport): readonly Row[] {
  const base = rows[0]?.report.ranks;
  return rows.map((row) => {
    const { id, name, kind, note, report } = row;
    const [first] = report.mean;
    return {
      id,
      name,
      kind,
      note,
      directions: Object.fromEntries(report.directions.map((each) => [each.direction, directionResult(each)])),
      mean: first === undefined ? { value: 0, low: 0, high: 0 } : percent(first),
      whole: [...(base?.keys() ?? [])].every((direction) => report.ranks.has(direction)),
      change: meanChange(row),
    };
  });
}

function meanChange({ change = [] }: BindingRow): Figure | undefined {
  const found: Comparison | undefined = change.find(({ direction, k }) => direction === 'mean' && k === 1);
  return found === undefined ? undefined : percent(found.difference);
}

/** Directions in the order of the first row that has them. */
function directionsOf({ rows }: BindingReport): readonly string[] {
  return [...new Set(rows.flatMap(({ report }) => report.directions.map(({ direction }) => direction)))];
}

function chanceOf(rows: readonly Row[]): number {
  return mean(Object.values(rows[0]?.directions ?? {}).flatMap((each) => each?.chance.r1 ?? []));
}

function plots(rows: readonly Row[], told: string): Html {
  const whole = rows.filter((row) => row.whole);
  const points: readonly IntervalPoint[] = whole.map(({ id, name, kind, mean: figure }) => ({
    ...figure,
    key: id,
    name,
    kind,
    told: id === told,
  }));
  return html`<div class="plots wide">
      ${intervals('All directions', 'mean R@1 (%)', points, chanceOf(rows))}
      <p>
        Mixing the scores of experts that never met already helps where an expert knows both sides. It cannot help
        between modalities that no expert knows together:
        <strong>those directions are the honest measure of binding</strong>. An expert that lacks a modality is in the
        table only.
      </p>
    </div>
    <p class="small">Dots are what was measured, lines are 95 % bootstrap intervals, the dotted line is chance.</p>`;
}

function changes(rows: readonly Row[]): Html {
  const changed = rows.filter((row) => row.change !== undefined && row.whole);
  return changed.length === 0
    ? html`<p>Only one space was evaluated, so there is nothing to compare it with.</p>`
    : html`<ul>
        ${changed.map(({ name, change }) => {
          const { value, low, high } = change ?? { value: 0, low: 0, high: 0 };
          const verdict = low > 0 ? 'clearly more' : high < 0 ? 'clearly less' : 'no clear difference';
          return html`<li>
            <b>${name}</b>: mean R@1 ${signed(value)} points against ${rows[0]?.name ?? ''}
            (${interval({ low, high })}), ${verdict}.
          </li>`;
        })}
      </ul>`;
}

function tables(rows: readonly Row[], report: BindingReport, told: string): Html {
  const measures = [{ name: 'mean R@1', of: (row: Row) => (row.whole ? row.mean : null), chance: chanceOf(rows) }];
  const title = `All on the same ${count(report.rows[0]?.report.directions[0]?.items ?? 0)} items`;
  const directions = directionsOf(report);
  return figuresTables('The directions show', [{ id: 'binding', title, rows, directions, measures, told }]);
}

function refused({ refused: none }: BindingReport): Html {
  if (none.length === 0) return html``;
  return html`<h3>Controls that could not be made</h3>
    <ul>
      ${none.map(({ name, reason }) => html`<li><b>${name}</b>: ${reason}</li>`)}
    </ul>`;
}

function notLookedFor(): Html {
  return html`<h3>Leakage</h3>
    <p>
      Not looked for: name the rows that were trained on (<code>--trained splits.json:train</code>) to find evaluated
      items among them.
    </p>`;
}

/** The same in a few lines of text, for a terminal. */
export function formatBinding(report: BindingReport): readonly (readonly string[])[] {
  const rows = rowsOf(report);
  const directions = directionsOf(report);
  return [
    ['R@1, %', 'mean', ...directions.map(arrow)],
    ...rows.map((row) => [
      row.name,
      row.whole ? `${oneDecimal(row.mean.value)} [${interval(row.mean)}]` : '–',
      ...directions.map((direction) => {
        const found = row.directions[direction];
        return found ? oneDecimal(found.r1.value) : '–';
      }),
    ]),
    [
      'chance',
      oneDecimal(chanceOf(rows)),
      ...directions.map((direction) => {
        const [found] = rows.flatMap((row) => row.directions[direction] ?? []);
        return found ? oneDecimal(found.chance.r1) : '–';
      }),
    ],
  ];
}
