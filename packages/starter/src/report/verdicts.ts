import { arrow, type Html, html, oneDecimal, signed } from '@freebind/report';
import type { Direction, QuickstartResult, ResultRow } from '../result.ts';
import { compare, headlineRows, sortDirections } from './findings.ts';

/** Where binding helped and where not, and how every other row of the test split compares with the bound one, in words. */
export function verdicts(result: QuickstartResult): Html {
  const rows = headlineRows(result, 'test');
  return html`<div class="verdicts">
    <h3>Where binding helps, and where it does not</h3>
    <ul>
      ${(['test', 'unseen'] as const).map((split) => splitVerdict(result, split))}
    </ul>
    ${rows ? controls(result, rows.after) : ''}
    <p class="small">
      “Clearly” means that the 95 % interval of the change leaves out zero or, where only the two figures have
      intervals, that these do not touch: a strict test, so some differences called unclear may be real.
    </p>
  </div>`;
}

function splitVerdict(result: QuickstartResult, split: ResultRow['split']): Html {
  const rows = headlineRows(result, split);
  const name = split === 'test' ? 'Test concepts' : 'Unseen concepts';
  if (rows === undefined) return html`<li><b>${name}:</b> not measured.</li>`;
  const [before, after] = [rows.before.audioImage, rows.after.audioImage];
  const audioImage =
    before && after
      ? `audio–image R@5 ${oneDecimal(before.value)} → ${oneDecimal(after.value)}, ${words(compare(before, after, rows.after.change?.audioImage))}. `
      : '';
  const { higher, unclear, lower } = sortDirections(rows.before, rows.after, result.directions);
  return html`<li>
    <b>${name}:</b> ${audioImage}R@1 is clearly higher in ${list(higher)}; not clearly changed in ${list(unclear)};
    clearly lower in ${list(lower)}.
  </li>`;
}

function list(directions: readonly Direction[]): string {
  return directions.length === 0
    ? 'none of the directions'
    : directions.map((direction) => arrow(direction).replaceAll(' ', '\u00a0')).join(', ');
}

function controls({ rows }: QuickstartResult, bound: ResultRow): Html {
  const others = rows.filter((row) => row.split === 'test' && (row.kind === 'control' || row.kind === 'expert'));
  return html`<h3>What the controls say, test concepts, against “${bound.name}”</h3>
    <ul>
      ${others.map((row) => {
        // An expert's mean is over fewer directions, so it has no place beside a mean over six.
        const whole = Object.values(row.directions).every((direction) => direction !== null);
        const parts = [
          ...(row.audioImage && bound.audioImage
            ? [
                `audio–image R@5 ${oneDecimal(row.audioImage.value)} (${signed(row.audioImage.value - bound.audioImage.value)}, ${words(compare(bound.audioImage, row.audioImage))})`,
              ]
            : ['cannot search between audio and images']),
          ...(whole
            ? [
                `mean R@1 ${oneDecimal(row.mean.value)} (${signed(row.mean.value - bound.mean.value)}, ${words(compare(bound.mean, row.mean))})`,
              ]
            : []),
        ];
        return html`<li><b>${row.name}:</b> ${parts.join('; ')}.</li>`;
      })}
    </ul>`;
}

function words(verdict: ReturnType<typeof compare>): string {
  return { higher: 'clearly more', lower: 'clearly less', unclear: 'no clear difference' }[verdict];
}
