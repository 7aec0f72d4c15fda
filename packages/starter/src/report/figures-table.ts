import type { Direction, DirectionResult, Figure, QuickstartResult, ResultRow } from '../result.ts';
import { type Html, html } from './html.ts';
import { interval, oneDecimal } from './numbers.ts';

const METRICS = [
  { key: 'r1', name: 'R@1', chance: (d: DirectionResult): number => d.chance.r1 },
  { key: 'r5', name: 'R@5', chance: (d: DirectionResult): number => d.chance.r5 },
  { key: 'r10', name: 'R@10', chance: (d: DirectionResult): number => d.chance.r10 },
  // Guessing ranks the right answer anywhere with equal chance.
  { key: 'medianRank', name: 'median rank', chance: (d: DirectionResult): number => (d.gallery + 1) / 2 },
] as const;

/** The tables of both splits; buttons above choose what the six directions show, without a script. */
export function figuresTables(result: QuickstartResult): Html {
  return html`<div class="tables">
    <fieldset class="metrics">
      <legend>The six directions show</legend>
      ${METRICS.map(
        ({ key, name }, i) =>
          html`<label><input type="radio" name="metric" value="${key}" ${i === 0 ? 'checked' : ''} /> ${name}</label>`,
      )}
    </fieldset>
    ${splitTable(result, 'test', 'Test: concepts that the experts saw and U did not')}
    ${splitTable(result, 'unseen', 'Unseen: concepts that nobody saw')}
  </div>`;
}

function splitTable({ rows, directions, headline }: QuickstartResult, split: ResultRow['split'], title: string): Html {
  const shown = rows.filter((row) => row.split === split);
  const measured = shown.find((row) => directions.every((direction) => row.directions[direction] !== null));
  if (measured === undefined) return html`<p>${title}: not measured.</p>`;
  const any = measured.directions[directions[0] ?? 'audio→image'];
  // Roles again, because a phone's layout takes them from the elements.
  return html`<table class="figures" role="table" id="figures-${split}">
    <caption>
      ${title}. ${any?.queries ?? 0} queries, each with one right answer among ${any?.gallery ?? 0}; percent, with 95 %
      bootstrap intervals.
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        <th role="columnheader" scope="col">scored by</th>
        <th role="columnheader" scope="col">audio–image R@5</th>
        <th role="columnheader" scope="col">mean R@1</th>
        ${directions.map((direction) => html`<th role="columnheader" scope="col">${arrow(direction)}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${chanceRow(measured, directions)} ${shown.map((row) => tableRow(row, directions, row.id === headline.after))}
    </tbody>
  </table>`;
}

function tableRow(row: ResultRow, directions: readonly Direction[], told: boolean): Html {
  return html`<tr role="row" class="${row.kind}${told ? ' told' : ''}" data-row="${row.id}">
    <th role="rowheader" scope="row">${row.name}<small>${row.note}</small></th>
    <td role="cell" class="main" data-name="audio–image R@5">${row.audioImage ? value(row.audioImage) : none()}</td>
    <td role="cell" class="main" data-name="mean R@1">${value(row.mean)}</td>
    ${directions.map((direction) => {
      const measured = row.directions[direction];
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

function chanceRow({ directions: measured }: ResultRow, directions: readonly Direction[]): Html {
  const all = directions.flatMap((direction) => measured[direction] ?? []);
  const pair = (['audio→image', 'image→audio'] as const).flatMap((direction) => measured[direction] ?? []);
  return html`<tr role="row" class="chance" data-row="chance">
    <th role="rowheader" scope="row">chance<small>Guessing.</small></th>
    <td role="cell" class="main" data-name="audio–image R@5">${oneDecimal(mean(pair.map((d) => d.chance.r5)))}</td>
    <td role="cell" class="main" data-name="mean R@1">${oneDecimal(mean(all.map((d) => d.chance.r1)))}</td>
    ${directions.map((direction) => {
      const d = measured[direction];
      return html`<td role="cell" data-name="${arrow(direction)}">
        ${
          d === null
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

/** `audio → image`, with room around the arrow. */
export function arrow(direction: Direction): string {
  return direction.replace('→', ' → ');
}

/** The mean of numbers; 0 for none. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / (values.length || 1);
}
