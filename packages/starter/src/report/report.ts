import { readFileSync } from 'node:fs';
import {
  count,
  type Figure,
  factor,
  figuresTables,
  forgetting,
  glossary,
  type Html,
  html,
  type IntervalPoint,
  intervals,
  leakage,
  mean,
  oneDecimal,
  renderPage,
  section,
} from '@freebind/report';
import type { ChosenFactors, QuickstartResult, ResultRow } from '../result.ts';
import { gallery } from './gallery.ts';
import { headline, headlineSentence } from './headline.ts';
import { pareto } from './pareto.ts';
import { surfaces } from './surfaces.ts';
import { training } from './training.ts';
import { verdicts } from './verdicts.ts';

/** A result as one HTML page that needs nothing else. */
export function renderReport(result: QuickstartResult): string {
  return renderPage({
    title: headlineSentence(result),
    style: pageFile('style.css'),
    script: pageFile('gallery.js'),
    footer: `Made by freebind quickstart, seed ${result.seed}, ${result.backend}. FreeBind: Wang et al., ICML 2024. FuseMix: Vouitsis et al., CVPR 2024.`,
    body: html`${headline(result)}
    ${section('table', 'What binding gains', html`${intervalPlots(result)}${verdicts(result)}${tables(result)}${glossary()}`)}
    ${section(
      'factors',
      'How the factors were chosen',
      html`${chosenFactors(result.factors)}${surfaces(result.surfaces)}
      ${result.pareto.length === 0 ? '' : paretoFront(result.pareto)}`,
    )}
    ${section('training', 'What was trained on what', training(result))}
    ${section('checks', 'What could be wrong', html`${leakage(result.leakage)}${forgetting(result.forgetting)}`)}
    ${section('gallery', 'See for yourself', gallery(result))}`,
  });
}

/** What guessing gives, on average over the directions of `result` that `among` takes. */
function chance(
  { rows, directions }: QuickstartResult,
  k: 'r1' | 'r5',
  among: (direction: string) => boolean = () => true,
): number {
  const whole = rows.find((row) => directions.every((direction) => row.directions[direction] !== null));
  return mean(
    directions
      .filter((direction) => among(direction))
      .flatMap((direction) => whole?.directions[direction]?.chance[k] ?? []),
  );
}

function tables(result: QuickstartResult): Html {
  const measures = [
    {
      name: 'audio–image R@5',
      of: (row: ResultRow) => row.audioImage,
      chance: chance(result, 'r5', isBinding),
    },
    { name: 'mean R@1', of: (row: ResultRow) => row.mean, chance: chance(result, 'r1') },
  ];
  const titles = {
    test: 'Test: concepts that the experts saw and U did not',
    unseen: 'Unseen: concepts that nobody saw',
  };
  return figuresTables(
    'The six directions show',
    (['test', 'unseen'] as const).map((split) => ({
      id: split,
      title: titles[split],
      rows: result.rows.filter((row) => row.split === split),
      directions: result.directions,
      measures,
      told: result.headline.after,
    })),
  );
}

function intervalPlots(result: QuickstartResult): Html {
  const { rows, directions, headline } = result;
  const test = rows.filter((row) => row.split === 'test');
  const whole = test.filter((row) => directions.every((direction) => row.directions[direction] !== null));
  const points = (of: readonly ResultRow[], measure: (row: ResultRow) => Figure | null): readonly IntervalPoint[] =>
    of.flatMap((row) => {
      const { id, split, name, kind } = row;
      const measured = measure(row);
      return measured === null ? [] : [{ ...measured, key: `${id} ${split}`, name, kind, told: id === headline.after }];
    });
  const [audioImage, all] = [points(test, (row) => row.audioImage), points(whole, (row) => row.mean)];
  return html`<p>
      Mixing the scores of experts that never met already helps where an expert knows both sides. It cannot help between
      audio and images, which no expert knows together: <strong>audio–image is the honest measure of binding</strong>.
    </p>
    <div class="plots wide">
      ${intervals('Audio–image, both ways', 'R@5 (%), test concepts', audioImage, chance(result, 'r5', isBinding))}
      ${intervals('Six directions', 'mean R@1 (%), test concepts', all, chance(result, 'r1'))}
    </div>
    <p class="small">Dots are what was measured, lines are 95 % bootstrap intervals, the dotted line is chance.</p>`;
}

/** A direction that no expert knows. */
function isBinding(direction: string): boolean {
  return !direction.includes('text');
}

function chosenFactors({ recipe, goal, chosenOn, steps, factors }: ChosenFactors): Html {
  const pairs = Object.entries(factors).map(
    ([bond, byModality]) =>
      `${bond}: ${Object.entries(byModality)
        .map(([modality, value]) => `${modality} ${factor(value)}`)
        .join(', ')}`,
  );
  return html`<p>
      Factors say how much of a bond is mixed into each modality. They were chosen for the ${goal} on the ${chosenOn}
      concepts, never on test ones: ${pairs.join('; ')}. The recipe:
    </p>
    <p class="recipe"><code>${recipe}</code></p>
    ${
      steps.length === 0
        ? ''
        : html`<p class="small">
            Searched:
            ${steps.map((step) => `${step.name} (${count(step.tried)} tried, best ${oneDecimal(step.value)} %)`).join('; ')}.
          </p>`
    }`;
}

function paretoFront(points: QuickstartResult['pareto']): Html {
  return html`<h3>What can be had together</h3>
    <div class="plots wide">
      ${pareto(points)}
      <p>
        Every dot is one choice of factors, measured on validation concepts. Those on the line are beaten by no other in
        both: what is better for the directions with text may be worse between audio and images. The ring is what was
        chosen.
      </p>
    </div>`;
}

/** A file that stands beside the sources and the build alike. */
function pageFile(name: string): string {
  return readFileSync(new URL(`../../page/${name}`, import.meta.url), 'utf8');
}
