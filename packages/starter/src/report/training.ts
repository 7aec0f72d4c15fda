import { axis, count, duration, figure, type Html, html } from '@freebind/report';
import * as Plot from '@observablehq/plot';
import type { QuickstartResult } from '../result.ts';
import { lossPlots } from './losses.ts';

/** Loss curves, what was trained on what, and the time of every stage. */
export function training({ losses, trained, stages, splits }: QuickstartResult): Html {
  return html`<div class="plots">${lossPlots(losses)}</div>
    <table class="plain">
      <caption>
        What was trained on what
      </caption>
      <thead>
        <tr>
          <th scope="col">part</th>
          <th scope="col">learned from</th>
          <th scope="col" class="number">rows</th>
          <th scope="col" class="number">steps</th>
          <th scope="col" class="number">time</th>
        </tr>
      </thead>
      <tbody>
        ${trained.map(
          (part) =>
            html`<tr>
              <th scope="row">${part.stage}</th>
              <td>${part.what}</td>
              <td class="number">${count(part.rows)}</td>
              <td class="number">${count(part.steps)}</td>
              <td class="number">${duration(part.seconds)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p>
      Concepts:
      ${Object.entries(splits)
        .map(([name, size]) => `${count(size)} ${name}`)
        .join(', ')}.
    </p>
    ${stageTimes(stages)}`;
}

function stageTimes(stages: QuickstartResult['stages']): Html {
  const total = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const bars = stages.map((stage, i) => ({
    key: String(i),
    seconds: stage.seconds,
    text: `${stage.name}  ${duration(stage.seconds)}${stage.reused ? ', reused' : ''}`,
  }));
  return figure({
    title: `Time of each stage, ${duration(total)} in all`,
    description: `Seconds. ${bars.map((bar) => bar.text).join('; ')}.`,
    plot: {
      height: 58 + bars.length * 32,
      marginLeft: 6,
      marginRight: 12,
      marginTop: 16,
      marginBottom: 42,
      x: axis('seconds', { zero: true, nice: false, grid: false }),
      y: { axis: null, domain: bars.map((bar) => bar.key) },
      marks: [
        Plot.barX(bars, { x: 'seconds', y: 'key', fill: 'var(--accent)', insetTop: 15, insetBottom: 4, rx: 2 }),
        Plot.text(bars, {
          y: 'key',
          text: 'text',
          frameAnchor: 'left',
          textAnchor: 'start',
          dy: -6,
          fill: 'var(--ink)',
        }),
      ],
    },
  });
}
