import { PUBLISHED, type Recipe, spaceIdOf } from '@freebind/core';
import { expect, test } from 'vitest';
import { PUBLISHED_BONDS, publishedBonds } from './published.ts';

/** The bonds that a recipe looks for: experts into the space so far, or the space so far into an expert. */
function bondsOf(recipe: Recipe): readonly object[] {
  return recipe.steps.flatMap(({ kind, experts }, step) =>
    experts.map((expert) => {
      const space = spaceIdOf(recipe, step);
      return kind === 'combination' ? { kind, from: expert, into: space } : { kind, from: space, into: expert };
    }),
  );
}

test('core knows a recipe for every variant that is imported, and no other', () => {
  expect(Object.keys(PUBLISHED_BONDS).sort()).toEqual(Object.keys(PUBLISHED).sort());
});

test.each(Object.entries(PUBLISHED))('%s is imported as the bonds that its recipe looks for', (variant, recipe) => {
  expect(publishedBonds(variant).map(({ kind, from, into }) => ({ kind, from, into }))).toEqual(bondsOf(recipe));
});

test('a variant is found in any case, and without a † on the keyboard', () => {
  expect(publishedBonds('InternVL_IB_FT++')).toBe(publishedBonds('internvl_ib†++'));
});

test('bonds of one id are the same bond in every variant', () => {
  const bonds = Object.values(PUBLISHED_BONDS).flat();
  for (const bond of bonds)
    expect(bonds.filter(({ id }) => id === bond.id)).toSatisfy((same) => new Set(same).size === 1);
});
