// The report's only script: shows what a chosen concept retrieves before and after binding.

const { concepts, directions, media, before, after, names } = JSON.parse(
  document.getElementById('gallery-data').textContent,
);
const grid = document.getElementById('concepts');
const retrieved = document.getElementById('retrieved');
const buttons = [...grid.querySelectorAll('button')];

/** An element with a class and children; text is never read as HTML. */
function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function speaker() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  svg.firstChild.setAttribute('href', '#speaker');
  return svg;
}

/** A concept as one modality shows it: its glyph, its word, or its word beside a speaker. */
function show(modality, concept) {
  const [glyph, label] = concepts[concept];
  if (modality === 'image') {
    const element = make('span', 'glyph', glyph);
    element.title = label;
    element.setAttribute('role', 'img');
    element.setAttribute('aria-label', label);
    return element;
  }
  return modality === 'audio' ? make('span', 'spoken', speaker(), label) : make('span', 'word', label);
}

/** The five nearest with the right one marked, and the right one's rank. */
function showRetrieved(name, modality, concept, found) {
  const list = make('ol', modality);
  for (const index of found.slice(0, 5)) {
    const item = make('li', index === concept ? 'right' : '', show(modality, index));
    if (index === concept) item.append(make('b', 'tick', '✓'));
    list.append(item);
  }
  const rank = make('span', found[5] === 1 ? 'rank first' : 'rank', `rank ${found[5]} of ${concepts.length}`);
  return make('div', 'side', make('p', 'when', make('b', '', name), ' ', rank), list);
}

function showConcept(concept) {
  const [glyph, label] = concepts[concept];
  for (const button of buttons) button.setAttribute('aria-pressed', String(conceptOf(button) === concept));
  const first = (results) => results.filter((all) => all[concept][5] === 1).length;
  const blocks = directions.map((direction, d) => {
    const [from, to] = direction.split('→');
    return make(
      'section',
      'asked',
      make('h4', '', `${from} → ${to}`),
      make('p', 'query', `asked by ${media[from]}: `, show(from, concept)),
      showRetrieved('before', to, concept, before[d][concept]),
      showRetrieved('after', to, concept, after[d][concept]),
    );
  });
  retrieved.replaceChildren(
    make('h3', '', make('span', 'glyph', glyph), ' ', label),
    make(
      'p',
      'small',
      `Right answer first in ${first(before)} of ${directions.length} directions before (${names.before}), ` +
        `${first(after)} after (${names.after}).`,
    ),
    ...blocks,
  );
}

/** The concept that a button stands for. */
function conceptOf(button) {
  return Number(button.dataset.concept);
}

/** How much better after than before: the sum over directions of the change in 1 / rank. */
function gain(concept) {
  return directions.reduce((sum, _, d) => sum + 1 / after[d][concept][5] - 1 / before[d][concept][5], 0);
}

document.getElementById('search').addEventListener('input', ({ target }) => {
  const wanted = target.value.trim().toLowerCase();
  for (const button of buttons) {
    const [glyph, label] = concepts[conceptOf(button)];
    button.hidden = !label.toLowerCase().includes(wanted) && glyph !== wanted;
  }
  document.getElementById('nothing').hidden = buttons.some((button) => !button.hidden);
});

document.getElementById('order').addEventListener('change', ({ target }) => {
  const sign = { listed: 0, gained: -1, lost: 1 }[target.value];
  const sorted = [...buttons].sort(
    (a, b) => sign * (gain(conceptOf(a)) - gain(conceptOf(b))) || conceptOf(a) - conceptOf(b),
  );
  grid.append(...sorted);
});

grid.addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (button) showConcept(conceptOf(button));
});

if (concepts.length > 0) showConcept(0);
