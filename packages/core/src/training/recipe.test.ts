import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toySpace, toyTopics } from '../../test/toy-bond.ts';
import { composeTables, shapesOf, type Tables } from '../compose-tables.ts';
import { openComposition } from '../composition.ts';
import { readBond } from '../files/bond-folder.ts';
import { recipe } from '../recipe.ts';
import { tableOf } from '../table.ts';
import type { TrainingEvent } from './events.ts';
import { trainRecipe, type TrainedRecipe, type TrainRecipeOptions } from './recipe.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'freebind-recipe-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

const spaces = [
  toySpace('u', 10, { audio: 40, image: 36, text: 44 }),
  toySpace('vt', 8, { image: 36, text: 44 }),
  toySpace('at', 7, { audio: 40, text: 44 }),
];
const tables: Tables = {
  spaces: spaces.map(({ space }) => space),
  modalities: (id) => Object.keys(spaces.find(({ space }) => space === id)?.tables ?? {}),
  table: (id, modality) => {
    const table = spaces.find(({ space }) => space === id)?.tables[modality];
    if (table === undefined) throw new Error(`no ${id}.${modality}`);
    return table;
  },
};

function options(changes: Partial<TrainRecipeOptions> = {}): TrainRecipeOptions {
  return {
    recipe: recipe('u + d(vt) + c(at)'),
    tables,
    bonds: folder,
    backend: new ReferenceBackend(),
    training: {
      heads: ['mix'],
      batch: 16,
      hidden: 16,
      temperature: 0.1,
      learningRate: 0.01,
      epochs: { displacement: 3, combination: 3 },
    },
    checkpoints: { everySteps: 8 },
    ...changes,
  };
}

async function finish(
  given: TrainRecipeOptions,
  seen: (event: TrainingEvent) => boolean = () => true,
): Promise<(TrainedRecipe & { readonly events: readonly TrainingEvent[] }) | undefined> {
  const run = trainRecipe(given);
  const events: TrainingEvent[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done) return { ...next.value, events };
    events.push(next.value);
    // The cast value is what `return` would give, and nobody reads it.
    if (!seen(next.value)) return void (await run.return(undefined as never));
  }
}

test('trains the bonds of a recipe in order, each on the space that the steps before it made', async () => {
  const result = await finish(options());
  expect(result?.space).toBe('u + d(vt) + c(at)');
  expect(result?.bonds.map(({ manifest }) => [manifest.id, manifest.from, manifest.into])).toEqual([
    ['u-d-vt', { space: 'u', dimension: 10 }, { space: 'vt', dimension: 8 }],
    ['u-d-vt-c-at', { space: 'at', dimension: 7 }, { space: 'u + d(vt)', dimension: 8 }],
  ]);
  expect((await readdir(folder)).sort()).toEqual(['u-d-vt', 'u-d-vt-c-at']);
  const { provenance } = await readBond(join(folder, 'u-d-vt-c-at'));
  expect(provenance.data).toMatchObject({
    'at.audio': expect.stringMatching(/^sha256:/),
    'u + d(vt).audio': expect.stringMatching(/^composed:sha256:/),
  });
});

test('the bound space brings together what no member has together', async () => {
  const epochs = { displacement: 12, combination: 12 };
  const given = options({ training: { ...options().training, epochs } });
  const result = await finish(given);
  const bonds = await Promise.all((result?.bonds ?? []).map(async ({ path }) => (await readBond(path)).bond));
  const composition = await openComposition({ ...given, spaces: shapesOf(tables), bonds });
  const rowsOf = async (modality: string) => {
    for await (const rows of composeTables(composition, tables, modality)) return rows;
    throw new Error('The table has rows.');
  };
  const bank = await given.backend.openBank({ keys: tableOf(await rowsOf('image')) });
  const { indices } = await bank.topK(await rowsOf('audio'), 1);
  const [audio, image] = [toyTopics('audio', 40), toyTopics('image', 36)];
  const right = audio.filter((topic, i) => image[indices[i] ?? -1] === topic);
  // There are twelve topics: chance would be three or four of forty.
  expect(right.length).toBeGreaterThan(15);
});

test('finished bonds are reused and nothing is composed for them', async () => {
  await finish(options());
  expect((await finish(options()))?.events).toEqual([
    { type: 'done', stage: 'u-d-vt', path: join(folder, 'u-d-vt'), reused: true },
    { type: 'done', stage: 'u-d-vt-c-at', path: join(folder, 'u-d-vt-c-at'), reused: true },
  ]);
  // A longer recipe trains only what it adds.
  const longer = await finish(options({ recipe: recipe('u + d(vt) + c(at) + c(vt)') }));
  expect(longer?.bonds.map(({ reused }) => reused)).toEqual([true, true, false]);
});

test('other factors on the way make another bond of the next step', async () => {
  await finish(options());
  await expect(finish(options({ factors: { 'd.image': 0.9 } }))).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringMatching(/u-d-vt-c-at was made by another run: data\.u \+ d\(vt\)/),
  });
  // Those of the last step are for inference; no training depends on them.
  expect((await finish(options({ factors: { 'c.audio': 0.9 } })))?.bonds.every(({ reused }) => reused)).toBe(true);
});

test('goes on where it was stopped, to the same bytes', async () => {
  const other = join(folder, 'unbroken');
  await finish(options({ bonds: other }));
  const bonds = join(folder, 'bonds');
  await finish(options({ bonds }), (event) => !(event.type === 'step' && event.step === 9));
  await finish(options({ bonds }), (event) => !(event.stage === 'u + d(vt): tables' && event.type === 'rows'));
  await finish(options({ bonds }), (event) => !(event.stage.startsWith('u-d-vt-c-at') && event.type === 'step'));
  expect((await readdir(bonds)).sort()).toEqual(['u-d-vt', 'u-d-vt-c-at.training', 'u-d-vt.composed']);
  await finish(options({ bonds }));
  expect(await readdir(bonds)).toEqual(await readdir(other));
  for (const name of await readdir(other)) {
    for (const file of await readdir(join(other, name)))
      expect(await readFile(join(bonds, name, file))).toEqual(await readFile(join(other, name, file)));
  }
});

test('trains on the rows that are named, by modality', async () => {
  const rows = { text: Array.from({ length: 20 }, (_, i) => 2 * i) };
  const result = await finish(options({ rows, recipe: recipe('u + d(vt)') }));
  expect(result?.events.find((event) => event.type === 'stage' && event.stage.includes('pseudo'))).toMatchObject({
    // Two columns are made from the twenty texts, three from the 36 images, four from the 40 clips.
    total: 3 * 20 + 3 * 36 + 4 * 40,
  });
  await expect(finish(options({ rows: { text: [44] } }))).rejects.toThrow(/Row 44 of text.*rows 0 to 43/);
});

test.each<[Partial<TrainRecipeOptions>, string]>([
  [{ recipe: recipe('u + d(internvl)') }, 'FREEBIND_SPACE_UNKNOWN'],
  [{ factors: { 'd.audio': 0.5 } }, 'FREEBIND_FACTOR_INVALID'],
  [{ training: { heads: ['AX'] } }, 'FREEBIND_ARGUMENT_INVALID'],
])('refuses what cannot be trained before any work (%#)', async (changes, code) => {
  await expect(finish(options(changes))).rejects.toMatchObject({ code });
  expect(await readdir(folder)).toEqual([]);
});
