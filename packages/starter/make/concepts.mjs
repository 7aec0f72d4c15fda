// Which concepts there are, and their split: emoji with an English label, keywords and a drawing by every artist.
import { folderOf, readJson } from './packages.mjs';

/** The artists, their Iconify set, and how an emoji is found in it. `heldOut` drawings are never trained on. */
export const ARTISTS = [
  {
    id: 'noto',
    set: '@iconify-json/noto',
    chars: '@iconify-json/noto',
    licence: 'Apache-2.0',
    by: 'Google (Noto Emoji)',
  },
  {
    id: 'fluent',
    set: '@iconify-json/fluent-emoji',
    chars: '@iconify-json/fluent-emoji-flat',
    licence: 'MIT',
    by: 'Microsoft (Fluent Emoji)',
  },
  {
    id: 'fluent-flat',
    set: '@iconify-json/fluent-emoji-flat',
    chars: '@iconify-json/fluent-emoji-flat',
    licence: 'MIT',
    by: 'Microsoft (Fluent Emoji Flat)',
  },
  {
    id: 'openmoji',
    set: '@iconify-json/openmoji',
    chars: '@iconify-json/openmoji',
    licence: 'CC-BY-SA-4.0',
    by: 'OpenMoji (HfG Schwäbisch Gmünd and contributors)',
  },
  {
    id: 'twemoji',
    set: '@iconify-json/twemoji',
    chars: '@iconify-json/twemoji',
    licence: 'CC-BY-4.0',
    by: 'Twitter and contributors (Twemoji)',
    heldOut: true,
  },
];

/** emojibase groups: components (skin tones, hair) and flags, whose drawings say little to an ear or in a word. */
const LEFT_OUT_GROUPS = new Set([2, 9]);

/** A label with its people made one: "man running" and "woman running" are "person running". */
const neutral = (label) =>
  label.replace(/\b(man|men|woman|women|boy|girl|prince|princess|mr?s\.?)\b/g, 'person').replace(/\bpersons?: /, '');

/** Concepts without their near duplicates: `embed` gives unit rows for texts. */
export async function chooseConcepts(embed) {
  const sets = ARTISTS.map(({ set, chars }) => {
    const icons = readJson(folderOf(set), 'icons.json');
    return {
      names: readJson(folderOf(chars), 'chars.json'),
      has: (name) => name in icons.icons || name in (icons.aliases ?? {}),
    };
  });
  const drawn = (hexcode) =>
    sets.map(({ names, has }) => {
      const code = hexcode.toLowerCase();
      const name = names[code] ?? names[code.replaceAll('-fe0f', '')] ?? names[`${code}-fe0f`];
      return name !== undefined && has(name) ? name : undefined;
    });

  const candidates = readJson(folderOf('emojibase-data'), 'en', 'data.json')
    .filter(({ group, tags }) => group !== undefined && !LEFT_OUT_GROUPS.has(group) && tags?.length > 0)
    .sort((a, b) => a.order - b.order)
    .map(({ hexcode, emoji, label, tags, group }) => ({
      id: hexcode,
      glyph: emoji,
      label,
      tags,
      group,
      drawings: drawn(hexcode),
    }))
    .filter(({ drawings }) => drawings.every((name) => name !== undefined));

  // Of one idea in several persons, keep the neutral one, or the first.
  const seen = new Set();
  const single = new Set(
    candidates
      .toSorted((a, b) => Number(neutral(a.label) !== a.label) - Number(neutral(b.label) !== b.label))
      .filter(({ label }) => !seen.has(neutral(label)) && seen.add(neutral(label))),
  );
  const ordered = candidates.filter((concept) => single.has(concept));

  // Then those whose label with keywords is nearly another's (cosine over 0.97): clock faces, arrows, moon phases.
  const rows = await embed(ordered.map(describe));
  const kept = [];
  for (const [i, concept] of ordered.entries()) {
    const twin = kept.some(({ row }) => row.reduce((sum, x, c) => sum + x * rows[i][c], 0) > 0.97);
    if (!twin) kept.push({ concept, row: rows[i] });
  }
  return kept.map(({ concept }) => concept);
}

/** A concept in words: its label and its keywords. */
export const describe = ({ label, tags }) => `${label}: ${tags.join(', ')}`;

/**
 * A seeded split by concept (mulberry32 and Fisher–Yates; row numbers in ascending order):
 * `unified` 250, the triples that make U; `experts`, what only the experts train on; `validation` 10 % and `test` 20 %, known to
 * the experts by other artists and voices, never to U; `unseen` 20 %, known to nobody.
 */
export function splitConcepts(n, seed = 0) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  let from = 0;
  const take = (count) => order.slice(from, (from += count)).toSorted((a, b) => a - b);
  const [tenth, fifth] = [Math.round(n * 0.1), Math.round(n * 0.2)];
  const [unified, validation, test, unseen] = [take(250), take(tenth), take(fifth), take(fifth)];
  return { unified, experts: take(n - from), validation, test, unseen };
}
