import { embed, type Html, html } from '@freebind/report';
import type { QuickstartResult } from '../result.ts';

/** Concepts to choose from, and their data for the page's script, which shows what the chosen one retrieves. */
export function gallery({ gallery, directions, rows }: QuickstartResult): Html {
  const nameOf = (id: string): string => rows.find((row) => row.id === id)?.name ?? id;
  const { concepts, media, before, after } = gallery;
  const data = {
    concepts: concepts.map(({ glyph, label }) => [glyph, label]),
    directions,
    media,
    before: directions.map((direction) => before[direction]),
    after: directions.map((direction) => after[direction]),
    names: { before: nameOf(gallery.rows.before), after: nameOf(gallery.rows.after) },
  };
  return html`<p>
      Choose one of the ${concepts.length} ${gallery.split} concepts to see what it finds before and after binding: by
      image (${media.image}), by text (${media.text}) and by audio (${media.audio}). The glyphs are your own system's;
      what was searched are the drawings.
    </p>
    <div class="gallery">
      <div class="choose">
        <div class="controls">
          <label
            >Search <input type="search" id="search" autocomplete="off" spellcheck="false" placeholder="banana"
          /></label>
          <label
            >Order
            <select id="order">
              <option value="listed">as listed</option>
              <option value="gained">most gained first</option>
              <option value="lost">most lost first</option>
            </select></label
          >
        </div>
        <div id="concepts" role="group" aria-label="Concepts" tabindex="0">
          ${concepts.map(
            ({ glyph, label }, i) =>
              html`<button
                type="button"
                data-concept="${i}"
                aria-pressed="false"
                aria-label="${label}"
                title="${label}"
              >
                ${glyph}
              </button>`,
          )}
        </div>
        <p id="nothing" hidden>No concept has that in its label.</p>
      </div>
      <div id="retrieved" aria-live="polite"><noscript>Choosing a concept needs the page's own script.</noscript></div>
    </div>
    <svg width="0" height="0" aria-hidden="true">
      <symbol id="speaker" viewBox="0 0 16 16">
        <path d="M2 6h3l4-3v10L5 10H2z" fill="currentColor" />
        <path
          d="M11 5.5a3.5 3.5 0 0 1 0 5M12.8 3.5a6.3 6.3 0 0 1 0 9"
          fill="none"
          stroke="currentColor"
          stroke-width="1.4"
          stroke-linecap="round"
        />
      </symbol>
    </svg>
    <script type="application/json" id="gallery-data">
      ${embed(data)}
    </script>`;
}
