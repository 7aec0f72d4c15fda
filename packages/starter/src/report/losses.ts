import { axis, count, figure, type Html } from '@freebind/report';
import * as Plot from '@observablehq/plot';
import type { LossCurve } from '../result.ts';

/** Points of a curve that are drawn: more than there are pixels for a line's bends say nothing. */
const DRAWN = 160;
const HEIGHT = 230;
/** Height of a line's name, px. */
const NAME = 13;

interface Line {
  readonly name: string;
  readonly points: LossCurve['points'];
}

/** The losses of trainings over their steps; those whose names differ in the last word only, as heads of one bond, share a plot. */
export function lossPlots(curves: readonly LossCurve[]): readonly Html[] {
  const groups = new Map<string, Line[]>();
  for (const { stage, points } of curves) {
    const words = stage.split(' ');
    const name = words.pop() ?? '';
    const group = words.join(' ') || 'losses';
    groups.set(group, [...(groups.get(group) ?? []), { name, points }]);
  }
  return [...groups].map(([group, lines]) => lossPlot(group, lines));
}

function lossPlot(title: string, lines: readonly Line[]): Html {
  const drawn = lines.flatMap(({ name, points }) => {
    const every = Math.max(1, Math.ceil(points.length / DRAWN));
    return points
      .filter((_, i) => i % every === 0 || i === points.length - 1)
      .map(([step, loss]) => ({ name, step, loss }));
  });
  const said = lines.map(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return `${name}, ${count(last?.[0] ?? 0)} steps, from ${first?.[1].toFixed(2) ?? '–'} to ${last?.[1].toFixed(2) ?? '–'}`;
  });
  return figure({
    title,
    description: `Loss by step. ${said.join('; ')}.`,
    plot: {
      height: HEIGHT,
      marginLeft: 44,
      marginRight: 40,
      marginBottom: 40,
      x: axis('step', { ticks: 4, nice: false, grid: false }),
      y: axis('loss (nats)', { ticks: 4 }),
      marks: [
        Plot.line(drawn, { x: 'step', y: 'loss', z: 'name', stroke: 'var(--accent)', strokeWidth: 1.5 }),
        Plot.text(placeNames(lines), {
          x: 'step',
          y: 'at',
          text: 'name',
          textAnchor: 'start',
          dx: 4,
          fill: 'var(--ink)',
          stroke: 'var(--page)',
          strokeWidth: 4,
        }),
      ],
    },
  });
}

/** Where each line's name stands: at its end, moved up from names that end at nearly the same step and loss. */
function placeNames(
  lines: readonly Line[],
): readonly { readonly name: string; readonly step: number; readonly at: number }[] {
  const losses = lines.flatMap(({ points }) => points.map(([, loss]) => loss));
  const steps = Math.max(...lines.map(({ points }) => points.at(-1)?.[0] ?? 0));
  const apart = ((Math.max(...losses) - Math.min(...losses)) * NAME) / (HEIGHT - 60);
  const placed: { name: string; step: number; at: number }[] = [];
  const ends = lines.flatMap(({ name, points }) => points.slice(-1).map(([step, loss]) => ({ name, step, at: loss })));
  for (const end of ends.sort((a, b) => a.at - b.at)) {
    const near = placed.filter(({ step }) => Math.abs(step - end.step) < 0.12 * steps);
    placed.push({ ...end, at: Math.max(end.at, ...near.map(({ at }) => at + apart)) });
  }
  return placed;
}
