import { expect, test } from 'vitest';
import { formatRecipe } from '../recipe-text.ts';
import { recipe } from '../recipe.ts';
import { coarseRecipes } from './candidates.ts';

const texts = (text: string): readonly string[] => coarseRecipes(recipe(text)).map((each) => formatRecipe(each));

test('tries the whole recipe first, then ever fewer of its bonds, in its order', () => {
  expect(texts('u + d(vt) + c(a, b){text=0.3}')).toEqual([
    'u + d(vt) + c(a, b){text=0.3}',
    'u + c(a, b){text=0.3}',
    'u + d(vt) + c(a)',
    'u + d(vt) + c(b)',
    'u + c(a)',
    'u + c(b)',
    'u + d(vt)',
  ]);
});

test("keeps the names of the experts' bonds with them", () => {
  const steps = [{ kind: 'combination' as const, experts: ['a', 'b'], bonds: ['bond-a', 'bond-b'] }];
  expect(coarseRecipes(recipe({ base: 'u', steps })).map((each) => each.steps[0]?.bonds)).toEqual([
    ['bond-a', 'bond-b'],
    ['bond-a'],
    ['bond-b'],
  ]);
});

test('tries only beginnings of a recipe of many experts', () => {
  expect(texts('u + c(a, b, c, d) + c(e, f, g)')).toEqual(['u + c(a, b, c, d) + c(e, f, g)', 'u + c(a, b, c, d)']);
});
