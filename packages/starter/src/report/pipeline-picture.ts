import { count, type Html, html } from '@freebind/report';

const MODALITIES = ['audio', 'image', 'text'] as const;
type Shown = readonly (typeof MODALITIES)[number][];

/** The idea in one drawing, for a width of 340: two experts and a weak unified space, joined by bonds into one. */
export function pipelinePicture(triples: number | undefined): Html {
  const source = triples === undefined ? 'few triples' : `${count(triples)} triples`;
  return html`<svg class="pipeline" viewBox="0 0 340 292" role="img" aria-labelledby="pipeline-title">
    <title id="pipeline-title">
      Expert VT knows images and text, expert AT knows audio and text, and the unified space U knows all three a little,
      from ${source}. Bonds d(VT) and c(AT) carry the experts over; the bound space holds audio, image and text.
    </title>
    <defs>
      <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">
        <path d="M0 0L8 4L0 8z" />
      </marker>
    </defs>
    ${box(0, 'VT', 'expert', ['image', 'text'])} ${box(118, 'U', source, MODALITIES)}
    ${box(236, 'AT', 'expert', ['audio', 'text'])}
    <path class="bond" d="M52 118C52 160 96 150 96 202" marker-end="url(#arrow)" />
    <path class="plain" d="M170 118V202" marker-end="url(#arrow)" />
    <path class="bond" d="M288 118C288 160 244 150 244 202" marker-end="url(#arrow)" />
    ${bondLabel(66, 'd(VT)')} ${bondLabel(274, 'c(AT)')}
    <rect class="space bound" x="40" y="206" width="260" height="80" rx="10" />
    <text class="name" x="170" y="231">bound space</text>
    <text class="source" x="170" y="248">U + d(VT) + c(AT)</text>
    ${MODALITIES.map((modality, i) => pill(91 + i * 79, 266, modality))}
  </svg>`;
}

function box(x: number, name: string, source: string, modalities: Shown): Html {
  return html`<rect class="space" x="${x + 1}" y="4" width="102" height="114" rx="10" />
    <text class="name" x="${x + 52}" y="25">${name}</text>
    <text class="source" x="${x + 52}" y="41">${source}</text>
    ${modalities.map((modality, i) => pill(x + 52, 59 + i * 22 + (3 - modalities.length) * 8, modality))}`;
}

function pill(x: number, y: number, modality: Shown[number]): Html {
  return html`<rect class="pill ${modality}" x="${x - 33}" y="${y - 9}" width="66" height="18" rx="9" />
    <text class="pill-name" x="${x}" y="${y + 4}">${modality}</text>`;
}

function bondLabel(x: number, name: string): Html {
  return html`<rect class="bond-label" x="${x - 26}" y="146" width="52" height="22" rx="11" />
    <text class="bond-name" x="${x}" y="161">${name}</text>`;
}
