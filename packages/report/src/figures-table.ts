import { type Html, html } from './html.ts';
import { interval, oneDecimal } from './numbers.ts';
import type { DirectionResult, Figure, ScoredRow } from './result.ts';

const METRICS = [
  { key: 'r1', name: 'R@1', chance: (d: DirectionResult): number => d.chance.r1 },
  { key: 'r5', name: 'R@5', chance: (d: DirectionResult): number => d.chance.r5 },
  { key: 'r10', name: 'R@10', chance: (d: DirectionResult): number => d.chance.r10 },
  // Guessing ranks the right answer anywhere with equal chance.
  { key: 'medianRank', name: 'median rank', chance: (d: DirectionResult): number => (d.gallery + 1) / 2 },
] as const;

/** A column that sums directions up. */
export interface Measure<Row> {
  readonly name: string;
  readonly of: (row: Row) => Figure | null;
  /** What guessing gives. */
  readonly chance: number;
}

/** One table: a row a way to score, a column a measure or a direction. */
export interface FiguresTable<Row extends ScoredRow> {
  /** Of the table element, after `figures-`. */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly directions: readonly string[];
  readonly measures: readonly Measure<Row>[];
  /** Id of the row that the page is about. */
  readonly told: string;
}

/** Tables under buttons that choose what their directions show, without a script. */
export function figuresTables<Row extends ScoredRow>(legend: string, tables: readonly FiguresTable<Row>[]): Html {
  return html`<div class="tables">
    <fieldset class="metrics">
      <legend>${legend}</legend>
      ${METRICS.map(
        ({ key, name }, i) =>
          html`<label><input type="radio" name="metric" value="${key}" ${i === 0 ? 'checked' : ''} /> ${name}</label>`,
      )}
    </fieldset>
    ${tables.map(figuresTable)}
  </div>`;
}

function figuresTable<Row extends ScoredRow>(table: FiguresTable<Row>): Html {
  const { id, title, rows, directions, measures, told } = table;
  const [any] = rows.flatMap((row) => directions.flatMap((direction) => row.directions[direction] ?? []));
  if (any === undefined) return html`<p>${title}: not measured.</p>`;
  // Roles again, because a phone's layout takes them from the elements.
  return html`<table class="figures" role="table" id="figures-${id}">
    <caption>
      ${title}. ${any.queries} queries, each with one right answer among ${any.gallery}; percent, with 95 % bootstrap
      intervals.
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        <th role="columnheader" scope="col">scored by</th>
        ${[...measures.map(({ name }) => name), ...directions.map(arrow)].map(
          (name) => html`<th role="columnheader" scope="col">${name}</th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${chanceRow(table)} ${rows.map((row) => tableRow(row, table, row.id === told))}
    </tbody>
  </table>`;
}

function tableRow<Row extends ScoredRow>(
  row: Row,
  { directions, measures }: Pick<FiguresTable<Row>, 'directions' | 'measures'>,
  told: boolean,
): Html {
  return html`<tr role="row" class="${row.kind}${told ? ' told' : ''}" data-row="${row.id}">
    <th role="rowheader" scope="row">${row.name}<small>${row.note}</small></th>
    ${measures.map(({ name, of }) => {
      const figure = of(row);
      return html`<td role="cell" class="main" data-name="${name}">${figure ? value(figure) : none()}</td>`;
    })}
    ${directions.map((direction) => {
      const measured = row.directions[direction] ?? null;
      return html`<td role="cell" data-name="${arrow(direction)}">
        ${
          measured === null
            ? none()
            : METRICS.map(({ key }) => html`<span class="${key}">${value(measured[key])}</span>`)
        }
      </td>`;
    })}
  </tr>`;
}

/** Guessing, in every direction that any row has. */
function chanceRow<Row extends ScoredRow>({ rows, directions, measures }: FiguresTable<Row>): Html {
  return html`<tr role="row" class="chance" data-row="chance">
    <th role="rowheader" scope="row">chance<small>Guessing.</small></th>
    ${measures.map(
      ({ name, chance }) => html`<td role="cell" class="main" data-name="${name}">${oneDecimal(chance)}</td>`,
    )}
    ${directions.map((direction) => {
      const [d] = rows.flatMap((row) => row.directions[direction] ?? []);
      return html`<td role="cell" data-name="${arrow(direction)}">
        ${
          d === undefined
            ? none()
            : METRICS.map(({ key, chance }) => html`<span class="${key}">${oneDecimal(chance(d))}</span>`)
        }
      </td>`;
    })}
  </tr>`;
}

function value(figure: Figure): Html {
  return html`<b>${oneDecimal(figure.value)}</b><small>${interval(figure)}</small>`;
}

function none(): Html {
  return html`<span class="none" title="cannot search this way">–</span>`;
}

/** How to read such a table. */
export function glossary(): Html {
  return html`<details>
    <summary>How to read the table</summary>
    <dl>
      <dt>R@k</dt>
      <dd>The share of queries whose right answer is among the k nearest by cosine.</dd>
      <dt>Median rank</dt>
      <dd>Half of the queries have their right answer at this rank or before; 1 is best.</dd>
      <dt>95 % interval</dt>
      <dd>Where the figure falls in 95 of 100 draws of the same number of queries, with replacement.</dd>
      <dt>–</dt>
      <dd>A space that does not know both modalities cannot search that way.</dd>
    </dl>
  </details>`;
}

/** `audio → image`, with room around the arrow. */
export function arrow(direction: string): string {
  return direction.replace('→', ' → ');
}

/** The mean of numbers; 0 for none. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / (values.length || 1);
}
