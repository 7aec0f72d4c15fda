import { axis, figure, type Html, oneDecimal } from '@freebind/report';
import * as Plot from '@observablehq/plot';
import type { ParetoPoint } from '../result.ts';

/** All tried recipes by what they do for text and for audio–image, those that no other beats joined by a line. */
export function pareto(points: readonly ParetoPoint[]): Html {
  const front = points.filter((point) => point.front).sort((a, b) => a.text - b.text);
  const chosen = points.filter((point) => point.chosen);
  return figure({
    title: 'Directions with text against audio–image',
    description: `Mean R@1 of audio–image against mean R@1 of the directions with text, validation. ${points.length} recipes, ${front.length} of them on the front: ${front.slice(0, 12).map(say).join('; ')}. Chosen: ${chosen.map(say).join('; ')}.`,
    plot: {
      height: 320,
      marginLeft: 44,
      marginRight: 14,
      marginBottom: 42,
      x: axis('directions with text, mean R@1 (%)'),
      y: axis('audio–image, mean R@1 (%)'),
      marks: [
        Plot.dot(
          points.filter((point) => !point.front),
          { x: 'text', y: 'audioImage', r: 2, fill: 'var(--soft)', fillOpacity: 0.55 },
        ),
        Plot.line(front, { x: 'text', y: 'audioImage', stroke: 'var(--accent)', strokeWidth: 1.5 }),
        Plot.dot(front, { x: 'text', y: 'audioImage', r: 4, fill: 'var(--accent)', title: say }),
        Plot.dot(chosen, { x: 'text', y: 'audioImage', r: 8, stroke: 'var(--ink)', strokeWidth: 2.5 }),
      ],
    },
  });
}

function say({ recipe, text, audioImage }: ParetoPoint): string {
  return `${recipe}: text ${oneDecimal(text)}, audio–image ${oneDecimal(audioImage)}`;
}
