import { ReferenceBackend } from '@freebind/backend-reference';
import { afterAll, describe, expect, test } from 'vitest';
import { itemTables, toyBond, toyShapes } from '../../test/toy-spaces.ts';
import { composeTables, shapesOf } from '../compose-tables.ts';
import { type BondSource, type Composition, openComposition } from '../composition.ts';
import { evaluateDirections } from '../evaluation/directions.ts';
import type { Matrix } from '../matrix.ts';
import { type Factors, recipe, type Recipe } from '../recipe.ts';
import { type TuneOptions, tuneRecipe } from './tune.ts';

const { unified, vision, sound } = toyShapes;
const backend = new ReferenceBackend({ precision: 'float64' });
afterAll(() => backend.close());

const ITEMS = 30;
const bonds: readonly BondSource[] = [
  toyBond('combination', sound, unified),
  toyBond('displacement', unified, vision),
  toyBond('combination', sound, { id: 'unified + d(vision)', dimension: 5 }),
];

const tables = itemTables(ITEMS);
const compose = (part: Recipe): Promise<Composition> =>
  openComposition({ recipe: part, spaces: shapesOf(tables), bonds, backend });
const tune = (text: string, options: Partial<TuneOptions> = {}): ReturnType<typeof tuneRecipe> =>
  tuneRecipe({ recipe: text, compose, backend, validation: { tables }, steps: 5, ...options });

/** What composing tables and evaluating them gives: the long way, without anything of tuning. */
async function bruteForce(text: Recipe | string, factors: Factors, k = 1): Promise<Readonly<Record<string, number>>> {
  const composition = await compose(recipe(text));
  const modalities: Record<string, Matrix> = {};
  for (const modality of composition.plan.space.modalities) {
    const tiles = composeTables(composition, tables, modality, { factors, tile: ITEMS });
    for await (const tile of tiles) modalities[modality] = tile;
  }
  const { directions } = await evaluateDirections({
    modalities,
    backend,
    ks: [k],
    interval: { seed: 0, resamples: 2 },
  });
  return Object.fromEntries(directions.map(({ direction, recall }) => [direction, recall[0]?.value ?? NaN]));
}

describe('tuning', () => {
  test.each(['unified + c(sound)', 'unified + d(vision) + c(sound)'])(
    'gives the surfaces of %s that composing and evaluating every point gives',
    async (text) => {
      const { surfaces, best, base } = await tune(text, { coarse: false, k: 5 });
      expect(surfaces).toHaveLength(text.includes('d(') ? 12 : 6);
      for (const { stepX, modalityX, xs, stepY, modalityY, ys, values, direction, base: without } of surfaces) {
        expect(without).toBe(base[direction]);
        expect(xs).toEqual([0, 0.25, 0.5, 0.75, 1]);
        for (const [x, y] of [
          [0, 0],
          [1, 3],
          [4, 2],
        ] as const) {
          const here = { [`${stepX}.${modalityX}`]: xs[x] ?? NaN, [`${stepY}.${modalityY}`]: ys[y] ?? NaN };
          const expected = await bruteForce(text, { ...best.factors, ...here }, 5);
          expect(values[x]?.[y], `${direction} at ${JSON.stringify(here)}`).toBe(expected[direction]);
        }
      }
      // The base space alone is the recipe without steps.
      expect(base).toEqual(await bruteForce('unified', {}, 5));
    },
  );

  test('gives the chosen point as it is measured, at least as good as every point of its surfaces and before', async () => {
    const text = 'unified + d(vision) + c(sound)';
    const { best, untuned, goal, surfaces, recipe: tuned } = await tune(text, { coarse: false });
    expect(best.values).toEqual(await bruteForce(text, best.factors));
    expect(untuned.values).toEqual(await bruteForce(text, {}));
    const goalOf = (values: Readonly<Record<string, number>>): number =>
      Object.entries(goal).reduce((sum, [direction, weight]) => sum + weight * (values[direction] ?? 0), 0);
    expect(best.goal).toBeCloseTo(goalOf(best.values), 12);
    expect(best.goal).toBeGreaterThanOrEqual(untuned.goal);
    for (let x = 0; x < 5; x++)
      for (let y = 0; y < 5; y++)
        for (const plane of [surfaces.slice(0, 6), surfaces.slice(6)]) {
          const values = Object.fromEntries(plane.map((each) => [each.direction, each.values[x]?.[y] ?? NaN]));
          expect(goalOf(values)).toBeLessThanOrEqual(best.goal + 1e-12);
        }
    // What it returns is a recipe that knows the factors by name.
    const composition = await compose(tuned);
    expect(composition.factors('tuned')).toEqual(composition.factors(best.factors));
    expect(Object.keys(best.factors)).toEqual(['1.image', '1.text', '2.audio', '2.text']);
  });

  test('gives a front that nothing beats, with the best of every direction', async () => {
    const { pareto, bestOf, best, directions } = await tune('unified + c(sound)', { coarse: false });
    for (const direction of directions) {
      const top = Math.max(...pareto.map(({ values }) => values[direction] ?? 0));
      expect(top).toBe(bestOf[direction]?.values[direction]);
      expect(top).toBeGreaterThanOrEqual(best.values[direction] ?? 1);
    }
    for (const a of pareto)
      for (const b of pareto.filter((other) => other !== a))
        expect(directions.every((direction) => (a.values[direction] ?? 0) >= (b.values[direction] ?? 0))).toBe(false);
    expect(pareto.some(({ goal }) => goal === best.goal)).toBe(true);
  });

  test('keeps the front to the directions of the goal where it names several', async () => {
    const { pareto, goal } = await tune('unified + c(sound)', { goal: 'audio->image=2,text->image=1' });
    expect(goal).toEqual({ 'audio→image': 2 / 3, 'text→image': 1 / 3 });
    const pairs = pareto.map(({ values }) => [values['audio→image'] ?? 0, values['text→image'] ?? 0] as const);
    const sorted = pairs.toSorted((a, b) => b[0] - a[0]);
    sorted.slice(1).forEach(([, y], i) => expect(y).toBeGreaterThan(sorted[i]?.[1] ?? 1));
  });

  test('tries fewer bonds, says why some cannot be run, and takes the best', async () => {
    const only = bonds.filter(({ manifest }) => manifest.id !== 'sound to unified');
    const { candidates, recipe: chosen } = await tune('unified + d(vision) + c(sound)', {
      compose: (part) => openComposition({ recipe: part, spaces: shapesOf(tables), bonds: only, backend }),
    });
    expect(candidates.map((candidate) => candidate.recipe)).toEqual([
      'unified + d(vision) + c(sound)',
      'unified + c(sound)',
      'unified + d(vision)',
    ]);
    expect(candidates[1]?.refused).toContain('No bond is a combination from "sound"');
    const goals = candidates.map(({ best }) => best?.goal ?? -1);
    const winner = candidates[goals.indexOf(Math.max(...goals))]?.recipe;
    expect(recipe(winner ?? '').steps).toEqual(chosen.steps);
  });

  test('is the same on every run', async () => {
    expect(await tune('unified + c(sound)')).toEqual(await tune('unified + c(sound)'));
  });

  test('tells how far it is, and stops when told', async () => {
    const marks: { readonly stage: string; readonly done: number; readonly total: number }[] = [];
    await tune('unified + c(sound)', { onProgress: (mark) => marks.push(mark) });
    expect(marks.every(({ done, total }) => done <= total && done % ITEMS === 0)).toBe(true);
    expect(new Set(marks.map(({ stage }) => stage))).toEqual(new Set(['unified + c(sound)', 'factors']));
    await expect(tune('unified + c(sound)', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'FREEBIND_ABORTED',
    });
  });

  test.each<[string, Partial<TuneOptions>, string]>([
    ['no validation set', { validation: undefined }, 'Tuning needs a validation set'],
    ['a validation set of no items', { validation: { tables: itemTables(0) } }, 'has no items'],
    ['a goal of an unknown modality', { goal: 'audio->smell' }, '"audio->smell", which is not a direction'],
    ['a preset that there is', { preset: 'versatile' }, 'would mean two things'],
    ['a preset that could not be named', { preset: 'a, b' }, 'use no spaces, commas'],
    ['one factor a side', { steps: 1 }, 'from 2 to 101'],
    ['recall at half', { k: 0.5 }, 'at k = 0.5'],
    ['a recipe without bonds', { recipe: 'unified' }, 'applies no bond'],
  ])('refuses %s', async (_, options, message) => {
    await expect(tune('unified + c(sound)', options)).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('refuses validation items that are tested on, naming the first', async () => {
    const ids = Array.from({ length: ITEMS }, (_, i) => `item ${i}`);
    const options = { validation: { tables, ids }, test: { ids: ['other', ...ids.slice(7, 20)] } };
    await expect(tune('unified + c(sound)', options)).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: expect.stringMatching(
        /^13 items are in both .*: "item 7", "item 8", "item 9", "item 10", "item 11", …\./,
      ),
    });
    await expect(tune('unified + c(sound)', { validation: { tables, ids: ['a'] } })).rejects.toMatchObject({
      code: 'FREEBIND_ROWS_MISALIGNED',
    });
  });

  test('refuses modalities whose rows are not the same items', async () => {
    const short = itemTables(ITEMS - 1);
    const mixed = {
      ...tables,
      table: (space: string, modality: string) => (modality === 'text' ? short : tables).table(space, modality),
    };
    await expect(tune('unified + c(sound)', { validation: { tables: mixed } })).rejects.toMatchObject({
      code: 'FREEBIND_ROWS_MISALIGNED',
      message: expect.stringContaining('unified.text.npy 29'),
    });
  });

  test('refuses what is wrong with the whole recipe', async () => {
    await expect(tune('unified + c(vision)')).rejects.toMatchObject({ code: 'FREEBIND_BOND_UNKNOWN' });
  });
});
