import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { Html, html } from './html.ts';

/** The width that every plot is drawn for, px: a phone's 360 less the page's margins, so that text is never scaled down. */
export const PLOT_WIDTH = 340;

/** One plot with its words. */
export interface Figure {
  readonly title: string;
  /** What a person who cannot see it should know: the axes and what the marks say. */
  readonly description: string;
  readonly plot: Plot.PlotOptions;
}

/** An axis with its name in the middle and without ticks' marks, as all plots have. */
export function axis(label: string, options: Plot.ScaleOptions = {}): Plot.ScaleOptions {
  return {
    label,
    labelAnchor: 'center',
    labelArrow: 'none',
    ticks: 5,
    tickSize: 0,
    nice: true,
    grid: true,
    ...options,
  };
}

/** A figure element with an SVG whose colours are the page's CSS variables, so that it follows the colour scheme. */
export function figure({ title, description, plot }: Figure): Html {
  const { document } = parseHTML('<html></html>');
  const drawn = Plot.plot({ width: PLOT_WIDTH, ...plot, document });
  drawn.setAttribute('role', 'img');
  drawn.setAttribute('aria-label', `${title}. ${description}`);
  drawn.setAttribute('font-size', '12');
  drawn.removeAttribute('font-family');
  // Its own style element and inline style only repeat what the page's style sheet says of svg.
  drawn.querySelector('style')?.remove();
  drawn.removeAttribute('style');
  // Every mark would be read out by its kind; the description says more.
  for (const mark of drawn.querySelectorAll('g')) mark.removeAttribute('aria-label');
  return html`<figure class="plot">
    <figcaption>${title}</figcaption>
    ${new Html(drawn.outerHTML)}
  </figure>`;
}
