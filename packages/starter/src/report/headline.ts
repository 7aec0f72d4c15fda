import { count, type Html, html, interval, oneDecimal, ratio } from '@freebind/report';
import type { Figure, QuickstartResult } from '../result.ts';
import { compare, headlineRows } from './findings.ts';
import { pipelinePicture } from './pipeline-picture.ts';

/** What was gained, in a sentence, three figures and a picture. */
export function headline(result: QuickstartResult): Html {
  const { seed, backend, fast, concepts, splits } = result;
  return html`<header>
    <div class="words">
      <p class="eyebrow">
        freebind quickstart · seed ${seed} · ${backend} · ${count(concepts)} concepts${fast ? ' · fast' : ''}
      </p>
      <h1>${headlineSentence(result)}</h1>
      <p class="lead">
        A small unified space U knows drawings, words and spoken words only a little. Two experts, trained with FuseMix,
        know two modalities each. FreeBind's bonds carry what they know into U, learning from unpaired pools
        only.${audioImageSentence(result)}
      </p>
      ${result.synthetic ? html`<p class="notice" role="note">The figures on this page are made up: it shows what a report looks like.</p>` : ''}
      ${fast ? html`<p class="notice" role="note">A fast run: fewer steps and weaker results than the quickstart without --fast.</p>` : ''}
    </div>
    ${pipelinePicture(splits['unified'])} ${tiles(result)}
  </header>`;
}

/** The finding in one sentence, which claims no more than the intervals bear. */
export function headlineSentence(result: QuickstartResult): string {
  const rows = headlineRows(result, 'test');
  if (rows === undefined) return 'Binding was not measured on the test concepts';
  const [before, after] = [rows.before.mean, rows.after.mean];
  // A space that does not break keeps a figure and its sign on one line.
  const change = `mean R@1 from ${oneDecimal(before.value)}\u00a0% to ${oneDecimal(after.value)}\u00a0%`;
  const verdict = compare(before, after, rows.after.change?.mean);
  if (verdict === 'unclear') return `Binding moves ${change}, which the intervals cannot tell from noise`;
  if (verdict === 'lower') return `Binding lowers ${change}`;
  return `Binding lifts ${change}, without one more paired audio-image-text example`;
}

/** What a reader must know beside a mean that rose: that the measure of binding did not. */
function audioImageSentence(result: QuickstartResult): string {
  const rows = headlineRows(result, 'test');
  if (!rows?.before.audioImage || !rows.after.audioImage) return '';
  const verdict = compare(rows.before.audioImage, rows.after.audioImage, rows.after.change?.audioImage);
  if (verdict === 'higher') return '';
  return verdict === 'lower'
    ? ' Between audio and images, the honest measure of binding, retrieval got worse.'
    : ' Between audio and images, the honest measure of binding, the change cannot be told from noise.';
}

function tiles(result: QuickstartResult): Html {
  const [test, unseen] = [headlineRows(result, 'test'), headlineRows(result, 'unseen')];
  const audioImage =
    test?.before.audioImage && test.after.audioImage
      ? tile(
          'Audio–image, R@5',
          'The honest measure of binding: no expert knows both.',
          test.before.audioImage,
          test.after.audioImage,
          test.after.change?.audioImage,
        )
      : '';
  return html`<div class="tiles">
    ${audioImage}
    ${test ? tile('Six directions, mean R@1', 'Test: concepts the experts saw and U did not.', test.before.mean, test.after.mean, test.after.change?.mean) : ''}
    ${unseen ? tile('Unseen, mean R@1', 'Concepts that neither U nor any expert saw.', unseen.before.mean, unseen.after.mean, unseen.after.change?.mean) : ''}
  </div>`;
}

function tile(title: string, note: string, before: Figure, after: Figure, change?: Figure | null): Html {
  const verdict = compare(before, after, change);
  const words =
    verdict === 'unclear'
      ? 'no clear difference'
      : ratio(before.value, after.value) || (verdict === 'higher' ? 'higher' : 'lower');
  const top = Math.max(before.high, after.high) * 1.05 || 1;
  const line = (figure: Figure, kind: string, y: number): Html =>
    html`<rect class="${kind}" x="0" y="${y}" width="${percent(figure.value, top)}" height="9" />
      <path class="whisker" d="M${percent(figure.low, top)} ${y + 4.5}H${percent(figure.high, top)}" />`;
  return html`<section class="tile">
    <h2>${title}</h2>
    <p class="change">
      <span class="from">${oneDecimal(before.value)}</span> <span aria-label="to">→</span>
      <strong>${oneDecimal(after.value)}</strong> %
    </p>
    <svg viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      ${line(before, 'before', 0)}${line(after, 'after', 13)}
    </svg>
    <p class="verdict">${words}</p>
    <p class="small">
      95 % intervals ${interval(before)} and ${interval(after)}${change ? `, of the change ${interval(change)}` : ''}.
      ${note}
    </p>
  </section>`;
}

/** A length for the tile's drawing, which is 100 wide. */
function percent(value: number, top: number): string {
  return ((100 * value) / top).toFixed(1);
}
