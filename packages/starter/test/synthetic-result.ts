import { readFileSync } from 'node:fs';
import { random } from '@freebind/core';
import {
  type Direction,
  type DirectionResult,
  DIRECTIONS,
  type FactorSurface,
  type Figure,
  type LossCurve,
  type QuickstartResult,
  type ResultRow,
  type Retrieved,
} from '../src/result.ts';

const GALLERY = 284;

/** Subsets of sources, one projector each. */
const HEADS = ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'];

/** R@1 of a row in the six directions, in the order of `DIRECTIONS`; `NaN` where it cannot search. */
const ROWS: readonly (readonly [
  id: string,
  name: string,
  kind: ResultRow['kind'],
  note: string,
  r1: readonly number[],
])[] = [
  ['u', 'U', 'base', 'The unified space alone, made from few triples.', [0.9, 1.1, 4.2, 3.9, 4.6, 4.1]],
  [
    'u+d+c',
    'U + d(VT) + c(AT)',
    'bound',
    'Both bonds, with the factors chosen on validation concepts.',
    [3.4, 3.6, 62.1, 60.3, 15.8, 13.9],
  ],
  ['vt', 'VT alone', 'expert', 'Knows images and text.', [NaN, NaN, NaN, NaN, 17.2, 15.1]],
  ['at', 'AT alone', 'expert', 'Knows audio and text.', [NaN, NaN, 64.8, 63.2, NaN, NaN]],
  [
    'mix',
    'score mixing without a projector',
    'control',
    'Scores of U and the experts are added; nothing is bound.',
    [0.7, 0.7, 58.4, 57.9, 12.6, 11.4],
  ],
  [
    'one-head',
    'one head instead of seven',
    'control',
    'Each bond with a single projector.',
    [3.2, 3.5, 61.6, 60.2, 15.5, 14.1],
  ],
  [
    'no-shared',
    'pools that share no concepts',
    'control',
    'Texts, images and audio of different concepts.',
    [1.4, 1.3, 57.1, 55.9, 13.2, 11.9],
  ],
  [
    'chain',
    'AT → VT through text, without U',
    'control',
    'The chain that needs no unified space.',
    [2.9, 2.8, 40.2, 38.6, 10.7, 9.4],
  ],
  [
    'supervised',
    'all triples supervised',
    'control',
    'What every pair of the experts’ concepts could give, together.',
    [8.8, 8.5, 66.4, 65.1, 21.3, 19.8],
  ],
];

/**
 * A result whose figures are made up, near those of the trial: to test the report before, and without, a real one. It is
 * marked synthetic, and the report says so.
 */
export function syntheticResult(): QuickstartResult {
  const { concepts, splits } = readStarter();
  const test = splits.test.slice(0, GALLERY).flatMap((row) => concepts[row] ?? []);
  const rows = (['test', 'unseen'] as const).flatMap((split) => ROWS.map((row) => makeRow(row, split)));
  return {
    formatVersion: 1,
    synthetic: true,
    seed: 0,
    backend: 'onnx (cpu)',
    fast: false,
    concepts: 1418,
    splits: { unified: 250, experts: 458, validation: 142, test: GALLERY, unseen: GALLERY },
    stages: [
      ['read tables', 0.4],
      ['fuse U', 3.1],
      ['fuse VT', 21.8],
      ['fuse AT', 20.6],
      ['collect pools', 2.2],
      ['bond d(VT)', 11.4],
      ['bond c(AT)', 10.9],
      ['controls', 14.2],
      ['choose factors', 5.3],
      ['evaluate', 4.4],
    ].map(([name, seconds], i) => ({ name: String(name), seconds: Number(seconds), reused: i === 2 })),
    directions: DIRECTIONS,
    rows,
    headline: { before: 'u', after: 'u+d+c' },
    factors: {
      chosenOn: 'validation',
      goal: 'mean R@1 over six directions',
      recipe: 'u + d(vt; image=.1, text=.05) + c(at; audio=1, text=.5)',
      factors: { 'd(VT)': { image: 0.1, text: 0.05 }, 'c(AT)': { audio: 1, text: 0.5 } },
      steps: [
        { name: 'which bonds', tried: 3, value: 18.4 },
        { name: 'coarse factors', tried: 625, value: 24.6 },
        { name: 'fine factors', tried: 441, value: 25.2 },
      ],
    },
    surfaces: DIRECTIONS.map(makeSurface),
    pareto: makePareto(),
    losses: [
      ...['u', 'vt', 'at'].map((name) => `space ${name}`),
      ...HEADS.map((head) => `d(VT) ${head}`),
      ...HEADS.map((head) => `c(AT) ${head}`),
    ].map(makeLosses),
    trained: [
      { stage: 'U', what: 'audio-image-text triples of the unified concepts', rows: 250, steps: 100, seconds: 3.1 },
      { stage: 'VT', what: 'pairs of drawings by four artists and two texts', rows: 934, steps: 800, seconds: 21.8 },
      { stage: 'AT', what: 'pairs of five voices and two texts', rows: 934, steps: 800, seconds: 20.6 },
      { stage: 'd(VT)', what: 'pseudo pairs from unpaired, shuffled pools', rows: 1500, steps: 60, seconds: 11.4 },
      { stage: 'c(AT)', what: 'pseudo pairs from unpaired, shuffled pools', rows: 1500, steps: 60, seconds: 10.9 },
    ],
    leakage: {
      checked: 1704,
      threshold: 0.995,
      byId: [],
      byEmbedding: [
        { id: '1F7E1', trainedOn: 'pool fluent-flat.image', evaluatedOn: 'test twemoji.image', cosine: 0.9971 },
        { id: '2B1B', trainedOn: 'pool noto.image', evaluatedOn: 'unseen twemoji.image', cosine: 0.9964 },
      ],
      expected: [
        'The experts saw the test concepts in other drawings and voices, and their words: that is what the test split is for.',
      ],
    },
    forgetting: ['d(VT)', 'c(AT)'].flatMap((bond, b) =>
      DIRECTIONS.map((direction, i) => {
        const before = ROWS[0]?.[4][i] ?? 0;
        const change =
          [
            [2.1, 2.2, -1.1, -0.4, 9.8, 8.6],
            [0.4, 0.6, 55.8, 54.9, -2.9, 0.3],
          ][b]?.[i] ?? 0;
        return { bond, direction, before, after: before + change, low: change - 1.8, high: change + 1.9 };
      }),
    ),
    gallery: {
      split: 'test',
      concepts: test.map(({ id, glyph, label }) => ({ id, glyph, label })),
      before: retrieve('before', test.length, 30),
      after: retrieve('after', test.length, 4),
      rows: { before: 'u', after: 'u+d+c' },
      media: { image: 'Twemoji', audio: 'voice us-f5', text: 'label' },
    },
  };
}

interface Starter {
  readonly concepts: readonly { readonly id: string; readonly glyph: string; readonly label: string }[];
  readonly splits: { readonly test: readonly number[] };
}

function readStarter(): Starter {
  // The shipped file, which the starter's own tests check.
  return JSON.parse(readFileSync(new URL('../tables/starter.json', import.meta.url), 'utf8')) as Starter;
}

function makeRow([id, name, kind, note, r1s]: (typeof ROWS)[number], split: ResultRow['split']): ResultRow {
  // Concepts that nobody saw gain little.
  const shrink = split === 'test' ? 1 : kind === 'base' ? 0.9 : 0.18;
  const values = r1s.map((r1) => r1 * shrink);
  const known = values.filter((value) => !Number.isNaN(value));
  const pair = values.slice(0, 2).filter((value) => !Number.isNaN(value));
  const directions = Object.fromEntries(
    DIRECTIONS.map((direction, i) => {
      const value = values[i] ?? NaN;
      return [direction, Number.isNaN(value) ? null : makeDirection(value)];
    }),
  ) as Record<Direction, DirectionResult | null>; // every direction has its entry
  return {
    id,
    name,
    kind,
    split,
    note,
    directions,
    mean: measured(average(known), 0.4),
    audioImage: pair.length === 2 ? measured(average(pair) * 3.1, 0.7) : null,
  };
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function makeDirection(r1: number): DirectionResult {
  return {
    queries: GALLERY,
    gallery: GALLERY,
    chance: { r1: 100 / GALLERY, r5: 500 / GALLERY, r10: 1000 / GALLERY },
    r1: measured(r1),
    r5: measured(Math.min(97, r1 * 1.2 + 8)),
    r10: measured(Math.min(99, r1 * 1.25 + 14)),
    medianRank: {
      value: Math.max(1, Math.round(80 / (r1 + 1))),
      low: Math.max(1, Math.round(70 / (r1 + 1))),
      high: Math.max(1, Math.round(95 / (r1 + 1))),
    },
  };
}

/** A share of `GALLERY` queries, percent, with the interval of a binomial, narrower for a mean. */
function measured(value: number, width = 1): Figure {
  const half = 1.96 * width * 100 * Math.sqrt(((value / 100) * (1 - value / 100)) / GALLERY);
  return { value, low: Math.max(0, value - half), high: Math.min(100, value + half) };
}

function makeSurface(direction: Direction, d: number): FactorSurface {
  const draw = random('surface', d);
  const steps = Array.from({ length: 21 }, (_, i) => i / 20);
  const bond = direction.includes('image') ? 'd(VT)' : 'c(AT)';
  const [x0 = 0, y0 = 0, height = 0, floor = 0] =
    [
      [0.15, 0.1, 4, -3],
      [0.1, 0.2, 4.4, -3],
      [0.9, 0.5, 20, -2],
      [0.95, 0.45, 19, -2],
      [0.3, 0.35, 12, -6],
      [0.3, 0.3, 11, -5],
    ][d] ?? [];
  const base = 4;
  return {
    direction,
    bond,
    modalityX: direction.includes('image') ? 'image' : 'audio',
    modalityY: 'text',
    xs: steps,
    ys: steps,
    values: steps.map((y) =>
      steps.map(
        (x) => base + floor + (height - floor) * Math.exp(-3 * ((x - x0) ** 2 + (y - y0) ** 2)) + draw.normal() * 0.3,
      ),
    ),
    base,
    chosen: bond === 'd(VT)' ? { x: 0.1, y: 0.05 } : { x: 1, y: 0.5 },
  };
}

function makePareto(): QuickstartResult['pareto'] {
  const draw = random('pareto');
  const tried = Array.from({ length: 160 }, (_, i) => {
    const angle = (Math.PI / 2) * draw.uniform();
    const reach = Math.sqrt(draw.uniform());
    return {
      recipe: `u + d(vt; image=${(i % 11) / 10}) + c(at; audio=${(i % 7) / 6})`,
      text: 4 + 34 * reach * Math.cos(angle),
      audioImage: 1 + 3.4 * reach * Math.sin(angle),
    };
  });
  const front = tried.map((a) => !tried.some((b) => b !== a && b.text >= a.text && b.audioImage >= a.audioImage));
  const chosen = tried.reduce(
    (best, a, i) =>
      front[i] && a.text + 4 * a.audioImage > (tried[best]?.text ?? 0) + 4 * (tried[best]?.audioImage ?? 0) ? i : best,
    0,
  );
  return tried.map((point, i) => Object.assign(point, { front: front[i] ?? false, chosen: i === chosen }));
}

function makeLosses(stage: string, s: number): LossCurve {
  const draw = random('loss', s);
  const steps = [100, 800, 800][s] ?? [60, 25, 10, 20, 35, 45, 30][(s - 3) % 7] ?? 100;
  return {
    stage,
    points: Array.from(
      { length: steps },
      (_, i) => [i + 1, 1.2 + (6.2 - 1.2) * Math.exp((-3 * i) / steps) + 0.08 * draw.normal()] as const,
    ),
  };
}

function retrieve(when: string, n: number, spread: number): Readonly<Record<Direction, readonly Retrieved[]>> {
  const found = (direction: Direction): readonly Retrieved[] => {
    const draw = random('gallery', when, direction);
    return Array.from({ length: n }, (_, concept): Retrieved => {
      const rank = Math.min(n, 1 + Math.floor(spread * -Math.log(1 - draw.uniform())));
      const at = (place: number): number => (place === rank ? concept : (concept + 1 + draw.below(n - 1)) % n);
      return [at(1), at(2), at(3), at(4), at(5), rank];
    });
  };
  return {
    'audio→image': found('audio→image'),
    'image→audio': found('image→audio'),
    'audio→text': found('audio→text'),
    'text→audio': found('text→audio'),
    'image→text': found('image→text'),
    'text→image': found('text→image'),
  };
}
