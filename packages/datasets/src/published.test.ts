import { PUBLISHED } from '@freebind/core';
import { expect, test } from 'vitest';
import { DATASETS, type DatasetName } from './datasets.ts';
import { publishedResults } from './published.ts';

// The keys of DATASETS are its names.
const names = Object.keys(DATASETS) as readonly DatasetName[];

test.each(Object.keys(PUBLISHED))('%s has figures on all nine sets, two rows where factors have presets', (recipe) => {
  for (const name of names) {
    const results = publishedResults(name, recipe);
    expect(results.map(({ preset }) => preset)).toEqual(
      recipe.endsWith('++') ? ['at-expertise', 'versatile'] : [undefined],
    );
    for (const { figures } of results)
      for (const figure of Object.values(figures)) expect(figure > 0 && figure < 100).toBe(true);
  }
});

test('every size of a split says where it stands', () => {
  for (const name of names) expect(DATASETS[name].sizeSource).not.toBe('');
});

// FreeBind, tables 3 and 4, as the README of its repository shows them.
test('the figures are those of the tables', () => {
  expect(publishedResults('clotho', 'imagebind++')).toEqual([
    { recipe: 'imagebind++', preset: 'at-expertise', figures: { 'R@1': 19.49, 'R@5': 43.57 } },
    { recipe: 'imagebind++', preset: 'versatile', figures: { 'R@1': 13.67, 'R@5': 33.19 } },
  ]);
  expect(publishedResults('audioset', 'internvl_ib†++')[0]?.figures).toEqual({ mAP: 26.45 });
  expect(publishedResults('imagenet', 'internvl')[0]?.figures).toEqual({ 'top-1': 81.7 });
  expect(publishedResults('clotho', 'internvl')).toEqual([]);
});
