import * as Plot from '@observablehq/plot';
import type { Html } from './html.ts';
import { interval, oneDecimal } from './numbers.ts';
import { axis, figure } from './plot.ts';
import type { Figure, RowKind } from './result.ts';

/** A row of the plot: its figure, and whether it is what the page is about. */
export interface IntervalPoint extends Figure {
  /** Unique within the plot. */
  readonly key: string;
  readonly name: string;
  readonly kind: RowKind;
  readonly told: boolean;
}

function colour({ kind }: Pick<IntervalPoint, 'kind'>): string {
  return kind === 'bound' ? 'var(--accent)' : 'var(--soft)';
}

/** Every row's figure of one measure with its interval, chance as a line; the row that is told stands out. */
export function intervals(title: string, unit: string, points: readonly IntervalPoint[], chance: number): Html {
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
          fill: (point: IntervalPoint) => (point.told ? 'var(--accent)' : 'var(--card)'),
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
