import { axis, factor, figure, type Html, html, PLOT_WIDTH, signed } from '@freebind/report';
import * as Plot from '@observablehq/plot';
import type { FactorSurface } from '../result.ts';

/** Colours on either side of zero; the page defines `--less5` … `--same` … `--more5`. */
const SHADES = 5;

/**
 * Gain over the plane of two factors, one plot a direction and bond, as the papers' Figures 3–5. The two directions between
 * two modalities share a scale; all six would not do, since audio-text gains many times what audio-image does.
 */
export function surfaces(all: readonly FactorSurface[]): Html {
  return html`${[...new Set(all.map(pairOf))].map((pair) => {
    const group = all.filter((surface) => pairOf(surface) === pair);
    const largest = Math.max(0.1, ...group.flatMap(({ values, base }) => values.flat().map((v) => Math.abs(v - base))));
    return html`<h3>Between ${pair}</h3>
      ${legend(largest)}
      <div class="plots">${group.map((surface) => drawSurface(surface, largest))}</div>`;
  })}`;
}

function pairOf({ direction }: FactorSurface): string {
  return direction.split('→').sort().join(' and ');
}

function drawSurface(surface: FactorSurface, largest: number): Html {
  const { direction, bond, modalityX, modalityY, xs, ys, values, base, chosen } = surface;
  const gains = values.flat().map((value) => value - base);
  const size = PLOT_WIDTH - 68;
  const at = values[nearestIndex(ys, chosen.y)]?.[nearestIndex(xs, chosen.x)] ?? base;
  return figure({
    title: `${direction.replace('→', ' → ')}, ${bond}`,
    description:
      `Gain in R@1 over the space without ${bond}, by its factors of ${modalityX} and ${modalityY}: from ` +
      `${signed(Math.min(...gains))} to ${signed(Math.max(...gains))} points; ${signed(at - base)} at the chosen ` +
      `${factor(chosen.x)} and ${factor(chosen.y)}.`,
    plot: {
      height: size + 50,
      marginLeft: 56,
      marginRight: 12,
      marginTop: 8,
      marginBottom: 42,
      x: plane(bond, modalityX, xs),
      y: plane(bond, modalityY, ys),
      color: { type: 'identity' },
      marks: [
        Plot.rect(runs(surface, largest), { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fill: 'fill', inset: -0.2 }),
        Plot.dot([chosen], { x: 'x', y: 'y', r: 7, stroke: 'var(--card)', strokeWidth: 5 }),
        Plot.dot([chosen], { x: 'x', y: 'y', r: 7, stroke: 'var(--ink)', strokeWidth: 2.5 }),
      ],
    },
  });
}

function plane(bond: string, modality: string, values: readonly number[]): Plot.ScaleOptions {
  const borders = edges(values);
  return axis(`${bond}, factor of ${modality}`, {
    domain: [borders[0] ?? 0, borders.at(-1) ?? 1],
    ticks: [0, 0.25, 0.5, 0.75, 1],
    tickFormat: factor,
    tickSize: 3,
    nice: false,
    grid: false,
  });
}

interface Run {
  readonly y1: number;
  readonly y2: number;
  readonly x1: number;
  x2: number;
  readonly fill: string;
}

/** The cells as rectangles, neighbours of one shade in a row joined: a quarter of the SVG's size. */
function runs({ xs, ys, values, base }: FactorSurface, largest: number): readonly Run[] {
  const [xEdges, yEdges] = [edges(xs), edges(ys)];
  return values.flatMap((row, y) => {
    const joined: Run[] = [];
    row.forEach((value, x) => {
      const fill = shade(value - base, largest);
      const last = joined.at(-1);
      if (last?.fill === fill) last.x2 = xEdges[x + 1] ?? 0;
      else {
        const [x1 = 0, x2 = 0] = xEdges.slice(x, x + 2);
        const [y1 = 0, y2 = 0] = yEdges.slice(y, y + 2);
        joined.push({ x1, x2, y1, y2, fill });
      }
    });
    return joined;
  });
}

function shade(gain: number, largest: number): string {
  const step = Math.round((gain / largest) * SHADES);
  return step === 0 ? 'var(--same)' : `var(--${step < 0 ? 'less' : 'more'}${Math.abs(step)})`;
}

/** The borders of cells around `values`, ascending: halfway between neighbours, and as far out at the ends. */
function edges(values: readonly number[]): readonly number[] {
  const [first = 0, second = 1] = values;
  const [last = 1, beforeLast = 0] = values.toReversed();
  const inner = values.slice(1).map((value, i) => (value + (values[i] ?? 0)) / 2);
  return [first - (second - first) / 2, ...inner, last + (last - beforeLast) / 2];
}

function nearestIndex(values: readonly number[], wanted: number): number {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value - wanted) < Math.abs((values[best] ?? Infinity) - wanted)) best = i;
  });
  return best;
}

function legend(largest: number): Html {
  const steps = Array.from({ length: 2 * SHADES + 1 }, (_, i) => i - SHADES);
  return html`<p class="legend">
    <span>${signed(-largest)}</span>
    <span class="shades" aria-hidden="true"
      >${steps.map((step) => html`<i style="background:${shade((step / SHADES) * largest, largest)}"></i>`)}</span
    >
    <span>${signed(largest)} points of R@1 against the space without the bond</span>
    <span><b class="ring" aria-hidden="true"></b> the chosen factors</span>
  </p>`;
}
