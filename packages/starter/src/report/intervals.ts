import * as Plot from '@observablehq/plot';
import type { Figure as Measured, ResultRow } from '../result.ts';
import type { Html } from './html.ts';
import { interval, oneDecimal } from './numbers.ts';
import { axis, figure } from './plot.ts';

interface Coloured {
  readonly kind: ResultRow['kind'];
  readonly told: boolean;
}

function colour({ kind }: Coloured): string {
  return kind === 'bound' ? 'var(--accent)' : 'var(--soft)';
}

/** Every row's value of one measure with its interval, chance as a line; the row with the id `tells` stands out. */
export function intervals(
  title: string,
  unit: string,
  rows: readonly ResultRow[],
  tells: string,
  measure: (row: ResultRow) => Measured | null,
  chance: number,
): Html {
  const points = rows.flatMap((row) => {
    const measured = measure(row);
    return measured === null
      ? []
      : [{ ...measured, key: `${row.id} ${row.split}`, name: row.name, kind: row.kind, told: row.id === tells }];
  });
  return figure({
    title,
    description: `Chance ${oneDecimal(chance)}. ${points.map((p) => `${p.name}: ${oneDecimal(p.value)} (${interval(p)})`).join('; ')}.`,
    plot: {
      height: 58 + points.length * 40,
      marginLeft: 6,
      marginRight: 12,
      marginTop: 14,
      marginBottom: 42,
      x: axis(unit, { zero: true }),
      y: { axis: null, domain: points.map((p) => p.key) },
      marks: [
        Plot.ruleX([chance], { stroke: 'var(--soft)', strokeDasharray: '2 3' }),
        Plot.ruleY(points, { x1: 'low', x2: 'high', y: 'key', stroke: colour, strokeWidth: 2 }),
        Plot.dot(points, {
          x: 'value',
          y: 'key',
          r: 4.5,
          stroke: colour,
          strokeWidth: 2,
          fill: (point: Coloured) => (point.told ? 'var(--accent)' : 'var(--card)'),
        }),
        ...points.map((point) =>
          Plot.text([point], {
            y: 'key',
            text: 'name',
            frameAnchor: 'left',
            textAnchor: 'start',
            dy: -14,
            fill: 'var(--ink)',
            stroke: 'var(--page)',
            strokeWidth: 4,
            fontWeight: point.told ? 'bold' : 'normal',
          }),
        ),
      ],
    },
  });
}
