import type { ForgettingRow, LeakageCheck, LeakedItem } from './result.ts';
import { arrow } from './figures-table.ts';
import { type Html, html } from './html.ts';
import { count, interval, oneDecimal, signed } from './numbers.ts';

/** Found items that are listed; the rest are counted. */
const LISTED = 20;

/** What training saw of the evaluation. */
export function leakage({ checked, threshold, byId, byEmbedding, expected }: LeakageCheck): Html {
  const found = byId.length + byEmbedding.length;
  return html`<h3>Leakage</h3>
    <p>
      ${count(checked)} evaluation rows were compared with everything that was trained on.
      ${
        found === 0
          ? `None occurs there, neither by id nor by an embedding with a cosine of ${threshold} or more.`
          : `${count(byId.length)} occur there by id and ${count(byEmbedding.length)} by an embedding with a cosine of ${threshold} or more.`
      }
    </p>
    ${
      expected.length === 0
        ? ''
        : html`<ul>
            ${expected.map((sentence) => html`<li>${sentence}</li>`)}
          </ul>`
    }
    ${found === 0 ? '' : leakedTable([...byId, ...byEmbedding])}`;
}

function leakedTable(items: readonly LeakedItem[]): Html {
  const rest = items.length - LISTED;
  return html`<table class="plain">
    <caption>
      Items that training and evaluation share${rest > 0 ? `, ${LISTED} of ${count(items.length)}` : ''}
    </caption>
    <thead>
      <tr>
        <th scope="col">id</th>
        <th scope="col">trained on</th>
        <th scope="col">evaluated on</th>
        <th scope="col" class="number">cosine</th>
      </tr>
    </thead>
    <tbody>
      ${items.slice(0, LISTED).map(
        (item) =>
          html`<tr>
            <th scope="row">${item.id}</th>
            <td>${item.trainedOn}</td>
            <td>${item.evaluatedOn}</td>
            <td class="number">${item.cosine?.toFixed(3) ?? 'same id'}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** What each bond costs the base space. */
export function forgetting(rows: readonly ForgettingRow[]): Html {
  if (rows.length === 0)
    return html`<h3>Forgetting</h3>
      <p>Not measured.</p>`;
  return html`<h3>Forgetting</h3>
    <table class="plain">
      <caption>
        What each bond costs or brings the base space: R@1 in percent, and the 95 % interval of the change
      </caption>
      <thead>
        <tr>
          <th scope="col">bond</th>
          <th scope="col">direction</th>
          <th scope="col" class="number">before</th>
          <th scope="col" class="number">after</th>
          <th scope="col" class="number">change</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              <th scope="row">${row.bond}</th>
              <td>${arrow(row.direction)}</td>
              <td class="number">${oneDecimal(row.before)}</td>
              <td class="number">${oneDecimal(row.after)}</td>
              <td class="number">
                ${signed(row.after - row.before)} <small>${interval(row)}</small> <small>${verdict(row)}</small>
              </td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

function verdict({ low, high }: ForgettingRow): string {
  if (low > 0) return 'gains';
  if (high < 0) return 'forgets';
  return 'within noise';
}
