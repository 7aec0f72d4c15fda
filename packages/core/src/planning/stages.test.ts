import { describe, expect, test } from 'vitest';
import type { Tables } from '../compose-tables.ts';
import { FUSE_TRAINING } from '../fusemix/fuse-options.ts';
import { recipe } from '../recipe.ts';
import { BOND_TRAINING } from '../training/bond-options.ts';
import { fuseStages, shapeOnly, trainingStages } from './stages.ts';
import { operationsOf } from './work.ts';

const ROWS: Readonly<Record<string, number>> = { audio: 100, image: 200, text: 300 };
const SPACES: Readonly<Record<string, { readonly cols: number; readonly modalities: readonly string[] }>> = {
  u: { cols: 8, modalities: ['audio', 'image', 'text'] },
  vt: { cols: 6, modalities: ['image', 'text'] },
  at: { cols: 4, modalities: ['audio', 'text'] },
};
const tables: Tables = {
  spaces: Object.keys(SPACES),
  modalities: (space) => SPACES[space]?.modalities ?? [],
  table: (space, modality) => shapeOnly(ROWS[modality] ?? 0, SPACES[space]?.cols ?? 0, `${space}.${modality}`),
};

describe('the stages of a recipe', () => {
  const stages = trainingStages({
    recipe: recipe('u + d(vt) + c(at)'),
    tables,
    training: { ...BOND_TRAINING, heads: ['mix', 'A'], batch: 50 },
  });

  test('are those of its training, in order', () => {
    expect(stages.map(({ name }) => name)).toEqual([
      'check tables',
      'u-d-vt: pseudo pairs',
      'u-d-vt: head mix',
      'u-d-vt: head A',
      'u + d(vt): tables',
      'u-d-vt-c-at: pseudo pairs',
      'u-d-vt-c-at: head mix',
      'u-d-vt-c-at: head A',
    ]);
  });

  test('aggregate every column that is not the source’s own, whose rows are what lies on disk', () => {
    const [, pairs] = stages;
    // Of each source the two other modalities of u, and of vt both for audio and the other one for the others.
    const others = (source: string): number => Object.keys(ROWS).filter((name) => name !== source).length;
    const count = Object.keys(ROWS).reduce((sum, source) => sum + others(source), 0);
    expect(pairs?.works).toHaveLength(count + 2 + 1 + 1);
    const columns = (source: string, cols: number): number => (ROWS[source] ?? 0) * cols;
    const inU = Object.keys(ROWS).reduce((sum, source) => sum + columns(source, 8) * others(source), 0);
    expect(pairs?.disk).toBe(4 * (inU + 2 * columns('audio', 6) + columns('image', 6) + columns('text', 6)));
    expect(pairs?.works.find((work) => work.kind === 'aggregate' && !work.own)).toMatchObject({
      queries: 100,
      bank: 200,
      keyCols: 8,
      valueCols: 6,
    });
  });

  test('keep a piece of every head, and with the last the bond with all of them', () => {
    const heads = stages.filter(({ name }) => name.startsWith('u-d-vt: head'));
    // 8 → 2048 → 6 with biases, and scale, shift, mean and variance of both norms.
    const weights = 4 * (8 * 2048 + 2048 + 2048 * 6 + 6 + 4 * (2048 + 6));
    expect(heads.map(({ disk, whole }) => [disk, whole])).toEqual([
      [weights, false],
      [3 * weights, true],
    ]);
  });

  test('take the steps of every epoch', () => {
    const steps = stages.flatMap(({ works }) => works.flatMap((work) => (work.kind === 'train' ? [work.steps] : [])));
    expect(steps).toEqual([(600 / 50) * 5, (100 / 50) * 5, (600 / 50) * 20, (100 / 50) * 20]);
  });

  test('compose the bound space for the step after: every head for every modality of its source', () => {
    const composed = stages[4];
    expect(composed?.works.map((work) => work.kind === 'project' && [work.rows, work.mixture.length])).toEqual([
      [100, 2],
      [200, 2],
      [300, 2],
    ]);
    expect(composed?.disk).toBe(4 * 600 * 6);
  });
});

describe('the stages of a fused space', () => {
  const modalities = { image: { rows: 1000, cols: 12, views: 2 }, text: { rows: 1000, cols: 8, views: 1 } };

  test('leave latents alone as published, and take half a batch’s pairs a step', () => {
    const stages = fuseStages({ name: 'it', modalities, items: 500, training: { ...FUSE_TRAINING, batch: 200 } });
    expect(stages.map(({ name }) => name)).toEqual(['it: check latents', 'it: fuse']);
    expect(stages[1]?.works).toMatchObject([{ steps: 2 * 500, batch: 200, mixup: true }]);
  });

  test('prepare latents, of every view, and embed what is asked for', () => {
    const training = { ...FUSE_TRAINING, latents: { standardise: true, reduce: 10 } };
    const embed = [{ modality: 'image', rows: 70 }];
    const stages = fuseStages({ name: 'it', modalities, items: 500, training, embed });
    const [check, prepare, , embedded] = stages;
    expect(check?.works).toEqual([
      { kind: 'check', rows: 1000, cols: 12 },
      { kind: 'check', rows: 500, cols: 8 },
    ]);
    expect(prepare?.works[0]).toEqual({ kind: 'fit', rows: 1000, cols: 12, axes: 10 });
    expect(prepare?.works[2]).toEqual({ kind: 'fit', rows: 500, cols: 8 }); // narrower than asked for: only scaled
    expect(embedded?.disk).toBe(4 * 70 * 512);
    // Prepared latents go when the space is whole.
    expect(prepare).toMatchObject({ disk: 0, scratch: 4 * (1000 * 10 + 500 * 8) });
    expect(stages.map(({ whole = false }) => whole)).toEqual([false, false, true, false]);
    // The preparation is a layer in front.
    expect(operationsOf(embedded?.works[0] ?? { kind: 'check', rows: 0, cols: 0 })).toBe(
      2 * 70 * (12 * 10 + 4 * 2 * 4 * 10 * 10 + 10 * 512),
    );
  });
});
