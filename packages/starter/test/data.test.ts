import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBadRow } from '@freebind/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSeed, disjointRows } from '../src/seeded.ts';
import { evaluationMedia, poolItems, poolMedia } from '../src/spaces.ts';
import { MODALITIES, openStarter, seenBy, type Starter, starterFolder } from '../src/starter.ts';

let starter: Starter;
let scratch: string;
beforeAll(async () => {
  starter = await openStarter();
  scratch = await mkdtemp(join(tmpdir(), 'freebind-starter-'));
});
afterAll(async () => {
  await starter.close();
  await rm(scratch, { recursive: true, force: true });
});

test('every concept has one finite row in every table', async () => {
  expect(starter.concepts).toHaveLength(1418);
  expect(new Set(starter.concepts.map(({ id }) => id)).size).toBe(1418);
  for (const modality of MODALITIES) {
    for (const view of [...starter.training[modality], starter.evaluation[modality]]) {
      const table = starter.table(view, modality);
      expect([view, table.rows, table.cols]).toEqual([view, 1418, modality === 'text' ? 512 : 256]);
      expect(findBadRow(await table.read(0, table.rows))).toBeUndefined();
    }
    const ids = (await readFile(join(starterFolder(), `${modality}.ids.txt`), 'utf8')).trimEnd().split('\n');
    expect(ids).toEqual(starter.concepts.map(({ id }) => id));
  }
});

test('splits share no concept and leave none out', () => {
  const rows = Object.values(starter.splits).flat();
  expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1418 }, (_, i) => i));
  expect(starter.splits.unified).toHaveLength(250);
});

test('neither the held-out artist and voice nor unseen concepts are in a training pool', () => {
  expect(starter.evaluation).toEqual({ audio: 'us-f5', image: 'twemoji', text: 'label' });
  expect(starter.training.audio).not.toContain('us-f5');
  expect(starter.training.image).not.toContain('twemoji');
  const seen = seenBy(starter.splits);
  const unseen = new Set(starter.splits.unseen);
  for (const modality of MODALITIES) {
    const items = poolItems(starter, modality, seen, 0);
    expect(items).toHaveLength(starter.training[modality].length * seen.length);
    expect(items.filter(({ concept }) => unseen.has(concept))).toEqual([]);
    expect(items.filter(({ view }) => !starter.training[modality].includes(view))).toEqual([]);
  }
});

test('pools are shuffled by seed and modality, so that no row number pairs them', () => {
  const seen = seenBy(starter.splits);
  const conceptsOf = (modality: (typeof MODALITIES)[number], seed: number): readonly number[] =>
    poolItems(starter, modality, seen, seed).map(({ concept }) => concept);
  expect(conceptsOf('text', 0)).toEqual(conceptsOf('text', 0));
  expect(conceptsOf('text', 0)).not.toEqual(conceptsOf('text', 1));
  const [text, image] = [conceptsOf('text', 0), conceptsOf('image', 0)];
  // By chance one row in 1134 has the same concept in both: two of 2268.
  expect(text.filter((concept, row) => concept === image[row]).length).toBeLessThan(15);
});

test('pool and evaluation rows are the rows of their media', async () => {
  const items = poolItems(starter, 'image', seenBy(starter.splits), 4).slice(0, 3);
  const pool = poolMedia(starter, 'image', items);
  const [first] = items;
  if (first === undefined) throw new Error('The pool has items.');
  expect(pool.ids[0]).toBe(`${first.view}/${starter.concepts[first.concept]?.id}`);
  expect(await pool.table.read(0, 1)).toEqual(await starter.table(first.view, 'image').gather([first.concept]));
  const { table, ids } = evaluationMedia(starter, 'audio', [5, 9]);
  expect(ids).toEqual([starter.concepts[5]?.id, starter.concepts[9]?.id]);
  expect(await table.read(0, 2)).toEqual(await starter.table('us-f5', 'audio').gather([5, 9]));
});

test('disjoint pools share no concept between modalities', () => {
  const seen = seenBy(starter.splits);
  const concepts = MODALITIES.map((modality, third) => {
    const items = poolItems(starter, modality, seen, 0);
    return new Set(Array.from(disjointRows(items, seen, third, 0), (row) => items[row]?.concept));
  });
  expect(concepts.map(({ size }) => size)).toEqual([378, 378, 378]);
  expect(new Set(concepts.flatMap((set) => [...set])).size).toBe(seen.length);
});

test.each([NaN, -1, 0.5, 2 ** 32, Infinity])('the seed %s is refused', (seed) => {
  expect(() => checkSeed(seed)).toThrow(/The seed is .*; give a whole number from 0/);
});

test('damaged tables are refused, naming the file', async () => {
  const copy = join(scratch, 'tables');
  await cp(starterFolder(), copy, { recursive: true });
  await truncate(join(copy, 'noto.image.npy'), 5000);
  await expect(openStarter(copy)).rejects.toMatchObject({
    code: 'FREEBIND_FILE_INVALID',
    message: expect.stringContaining('noto.image.npy'),
  });
  await writeFile(join(copy, 'starter.json'), '{"concepts": [');
  await expect(openStarter(copy)).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  const facts = JSON.parse(await readFile(join(starterFolder(), 'starter.json'), 'utf8')) as {
    splits: { test: number[] };
  };
  facts.splits.test[0] = facts.splits.test[1] ?? 0;
  await writeFile(join(copy, 'starter.json'), JSON.stringify(facts));
  await expect(openStarter(copy)).rejects.toThrow(/exactly one split/);
  await rm(join(copy, 'starter.json'));
  await expect(openStarter(copy)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
});
