import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ChosenFactors, QuickstartResult } from '../result.ts';
import { forgetting, leakage } from './checks.ts';
import { figuresTables, mean } from './figures-table.ts';
import { gallery } from './gallery.ts';
import { headline, headlineSentence } from './headline.ts';
import { Html, html } from './html.ts';
import { intervals } from './intervals.ts';
import { count, factor, oneDecimal } from './numbers.ts';
import { pareto } from './pareto.ts';
import { surfaces } from './surfaces.ts';
import { training } from './training.ts';
import { verdicts } from './verdicts.ts';

/**
 * A result as one HTML page that needs nothing else: its style, script and data are inside, and its content security policy
 * lets it load nothing.
 */
export function renderReport(result: QuickstartResult): string {
  const style = new Html(`<style>${pageFile('style.css')}</style>`);
  const script = hashedScript(pageFile('gallery.js'));
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${script.hash}'; base-uri 'none'; form-action 'none'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${headlineSentence(result)}</title>
        ${style}
      </head>
      <body>
        <main>
          ${headline(result)}
          ${section('table', 'What binding gains', html`${intervalPlots(result)}${verdicts(result)}${figuresTables(result)}${glossary()}`)}
          ${section(
            'factors',
            'How the factors were chosen',
            html`${chosenFactors(result.factors)}${surfaces(result.surfaces)}
            ${result.pareto.length === 0 ? '' : paretoFront(result.pareto)}`,
          )}
          ${section('training', 'What was trained on what', training(result))}
          ${section('checks', 'What could be wrong', html`${leakage(result.leakage)}${forgetting(result.forgetting)}`)}
          ${section('gallery', 'See for yourself', gallery(result))}
        </main>
        <footer>
          Made by freebind quickstart, seed ${result.seed}, ${result.backend}. FreeBind: Wang et al., ICML 2024.
          FuseMix: Vouitsis et al., CVPR 2024.
        </footer>
        ${script.element}
      </body>
    </html> `;
  return page.text;
}

function section(id: string, title: string, content: Html): Html {
  return html`<section class="part" aria-labelledby="part-${id}">
    <h2 id="part-${id}">${title}</h2>
    ${content}
  </section>`;
}

function intervalPlots({ rows, directions, headline: { after } }: QuickstartResult): Html {
  const test = rows.filter((row) => row.split === 'test');
  const whole = test.filter((row) => directions.every((direction) => row.directions[direction] !== null));
  const chances = directions.flatMap((direction) => whole[0]?.directions[direction] ?? []).map((d) => d.chance);
  return html`<p>
      Mixing the scores of experts that never met already helps where an expert knows both sides. It cannot help between
      audio and images, which no expert knows together: <strong>audio–image is the honest measure of binding</strong>.
    </p>
    <div class="plots wide">
      ${intervals('Audio–image, both ways', 'R@5 (%), test concepts', test, after, (row) => row.audioImage, mean(chances.map(({ r5 }) => r5)))}
      ${intervals('Six directions', 'mean R@1 (%), test concepts', whole, after, (row) => row.mean, mean(chances.map(({ r1 }) => r1)))}
    </div>
    <p class="small">Dots are what was measured, lines are 95 % bootstrap intervals, the dotted line is chance.</p>`;
}

function glossary(): Html {
  return html`<details>
    <summary>How to read the table</summary>
    <dl>
      <dt>R@k</dt>
      <dd>The share of queries whose right answer is among the k nearest by cosine.</dd>
      <dt>Median rank</dt>
      <dd>Half of the queries have their right answer at this rank or before; 1 is best.</dd>
      <dt>95 % interval</dt>
      <dd>Where the figure falls in 95 of 100 draws of the same number of queries, with replacement.</dd>
      <dt>–</dt>
      <dd>A space that does not know both modalities cannot search that way.</dd>
    </dl>
  </details>`;
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

/** A script element and what the content security policy allows it by; the element holds the text to the last byte. */
function hashedScript(text: string): { readonly element: Html; readonly hash: string } {
  return { element: new Html(`<script>${text}</script>`), hash: createHash('sha256').update(text).digest('base64') };
}

/** A file that stands beside the sources and the build alike. */
function pageFile(name: string): string {
  return readFileSync(new URL(`../../page/${name}`, import.meta.url), 'utf8');
}
