import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toySpace } from '../../test/toy-bond.ts';
import type { BackendManifest } from '../backend.ts';
import type { Tables } from '../compose-tables.ts';
import { readBond } from '../files/bond-folder.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { pieceName } from '../files/pieces.ts';
import { recipe } from '../recipe.ts';
import type { TrainingEvent } from './events.ts';
import { trainRecipe, type TrainRecipeOptions, trainRecipeShard } from './recipe.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'freebind-reuse-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

// More than one tile of audio, so that of three shards two have rows and one has none.
const rows = { audio: 4100, image: 36, text: 44 };
const spaces = [
  toySpace('u', 6, rows),
  toySpace('vt', 5, { image: 36, text: 44 }),
  toySpace('at', 4, { audio: 4100, text: 44 }),
  toySpace('at2', 7, { audio: 4100, text: 44 }),
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

function options(text: string, at: string, epochs = 1): TrainRecipeOptions & { readonly reuse: string } {
  return {
    recipe: recipe(text),
    tables,
    bonds: join(folder, at),
    backend: new ReferenceBackend(),
    training: {
      heads: ['mix', 'A', 'TV'],
      batch: 40,
      hidden: 6,
      temperature: 0.1,
      epochs: { displacement: epochs, combination: epochs },
      aggregationTemperature: 0.05,
    },
    reuse: join(folder, at, '.reuse'),
  };
}

async function events(run: AsyncGenerator<TrainingEvent, unknown, undefined>): Promise<readonly TrainingEvent[]> {
  const all: TrainingEvent[] = [];
  for await (const event of run) all.push(event);
  return all;
}

/** What was taken, and whether anything was computed. */
function told(all: readonly TrainingEvent[]): readonly string[] {
  return all.flatMap((event) => (event.type === 'reuse' ? [`${event.stage}: ${event.what}`] : []));
}
const stepped = (all: readonly TrainingEvent[]): readonly string[] => [
  ...new Set(all.flatMap((event) => (event.type === 'step' ? [event.stage] : []))),
];

/** The bytes of a bonds folder without its reuse folder. */
async function bytesOf(at: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const bond of (await readdir(join(folder, at))).filter((name) => name !== '.reuse').sort())
    for (const file of await readdir(join(folder, at, bond)))
      found[`${bond}/${file}`] = await fingerprint(join(folder, at, bond, file));
  return found;
}

test('an expert that is added computes only what is new, and says what it took', async () => {
  await events(trainRecipe(options('u + c(at)', 'bonds')));
  const added = await events(trainRecipe(options('u + c(at, at2)', 'bonds')));
  // Of the columns of at2, those that u alone decides were made for at: audio → image, text; image → audio, text; text → audio, image.
  expect(told(added)).toEqual(['u-c-at2: pseudo pairs: 6 of 10 tables of pseudo pairs']);
  expect(added.filter((event) => event.type === 'done' && event.reused === true)).toMatchObject([{ stage: 'u-c-at' }]);
  expect(new Set(stepped(added).map((stage) => stage.split(':')[0]))).toEqual(new Set(['u-c-at2']));
});

test('another number of epochs takes the pseudo pairs, and another choice of heads takes the heads', async () => {
  await events(trainRecipe(options('u + c(at)', 'bonds')));
  const epochs = await events(trainRecipe({ ...options('u + c(at)', 'bonds', 2), replace: true }));
  expect(told(epochs)).toEqual(['u-c-at: pseudo pairs: 10 of 10 tables of pseudo pairs']);
  expect(stepped(epochs)).toHaveLength(3);
  const { training, ...rest } = options('u + c(at)', 'bonds');
  const fewer = await events(trainRecipe({ ...rest, training: { ...training, heads: ['A'] }, replace: true }));
  expect(told(fewer)).toContain('u-c-at: head 1 of 1, A: the trained head');
  expect(stepped(fewer)).toEqual([]);
});

test('another number of epochs of one kind of bond leaves bonds and heads of the other kind as they are', async () => {
  const given = options('u + d(vt) + c(at)', 'bonds');
  await events(trainRecipe(given));
  const other = { ...given.training, epochs: { displacement: 1, combination: 2 } };
  const again = await events(trainRecipe({ ...given, training: other, replace: true }));
  expect(again.find(({ type }) => type === 'done')).toMatchObject({ stage: 'u-d-vt', reused: true });
  expect(new Set(stepped(again).map((stage) => stage.split(':')[0]))).toEqual(new Set(['u-d-vt-c-at']));
  await rm(join(folder, 'bonds', 'u-d-vt'), { recursive: true });
  const heads = told(await events(trainRecipe({ ...given, training: other })));
  expect(heads.filter((text) => text.startsWith('u-d-vt: head'))).toHaveLength(3);
});

test('tables of pseudo pairs whose bits were turned are made again, which is said', async () => {
  const given = options('u + c(at)', 'bonds');
  await events(trainRecipe(given));
  const [whole, tables] = [
    await bytesOf('bonds'),
    (await readdir(given.reuse)).filter((name) => name.endsWith('.npy')),
  ];
  for (const name of await readdir(given.reuse))
    if (!tables.includes(name) && !name.endsWith('.sha256')) await rm(join(given.reuse, name), { recursive: true });
  const damaged = join(given.reuse, tables[0] ?? '');
  const bytes = await readFile(damaged);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(damaged, bytes);
  await rm(join(folder, 'bonds', 'u-c-at'), { recursive: true });
  const again = await events(trainRecipe(given));
  expect(again.filter((event) => event.type === 'warning')).toMatchObject([
    { stage: 'u-c-at: pseudo pairs', message: expect.stringContaining(`${damaged} is damaged`) },
  ]);
  expect(told(again)).toEqual(['u-c-at: pseudo pairs: 9 of 10 tables of pseudo pairs']);
  expect(await bytesOf('bonds')).toEqual(whole);
});

test('shards of pseudo pairs and heads, in any order and repeated, make the bytes of one run', async () => {
  const text = 'u + d(vt) + c(at)';
  await events(trainRecipe({ ...options(text, 'whole'), reuse: join(folder, 'other') }));
  for (const bond of ['u-d-vt', 'u-d-vt-c-at']) {
    for (const [part, count, order] of [
      ['pairs', 3, [2, 0, 0, 1]],
      ['heads', 2, [1, 0, 1]],
    ] as const)
      for (const index of order)
        await events(trainRecipeShard({ ...options(text, 'sharded'), bond, part, shard: { index, count } }));
    const first = { ...options('u + d(vt)', 'sharded') };
    const joined = await events(trainRecipe(bond === 'u-d-vt' ? first : options(text, 'sharded')));
    expect(stepped(joined)).toEqual([]);
  }
  const sharded = await bytesOf('sharded');
  expect(Object.keys(sharded)).toHaveLength(4);
  expect(sharded).toEqual(await bytesOf('whole'));
});

test('heads wait for the pseudo pairs of every shard, and are told which are missing', async () => {
  const given = { ...options('u + c(at)', 'bonds'), shard: { index: 0, count: 2 } };
  await events(trainRecipeShard({ ...given, part: 'pairs' }));
  await expect(events(trainRecipeShard({ ...given, part: 'heads' }))).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
    message: expect.stringMatching(/rows 4096 to 4100 of 4100 of audio → u's/),
  });
});

test('a merge is refused while heads are missing, naming them, and leaves what is there', async () => {
  const given = options('u + c(at)', 'bonds');
  await events(trainRecipeShard({ ...given, part: 'pairs', shard: { index: 0, count: 1 } }));
  await events(trainRecipeShard({ ...given, part: 'heads', shard: { index: 0, count: 2 } }));
  await expect(events(trainRecipe({ ...given, merge: true }))).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
    message: expect.stringMatching(/1 of the 3 heads of "u-c-at".*: A\./),
  });
  await events(trainRecipeShard({ ...given, part: 'heads', shard: { index: 1, count: 2 } }));
  const merged = await events(trainRecipe({ ...given, merge: true }));
  expect(told(merged)).toHaveLength(3);
  expect(stepped(merged)).toEqual([]);
});

test('a merge up to a bond makes that and those before it, and leaves what shards have made for the others', async () => {
  const text = 'u + d(vt) + c(at, at2)';
  const given = { ...options(text, 'bonds'), reuseBytes: 0 };
  const whole = { index: 0, count: 1 };
  const shard = async (bond: string): Promise<void> => {
    for (const part of ['pairs', 'heads'] as const)
      await events(trainRecipeShard({ ...given, bond, part, shard: whole }));
  };
  const merge = async (upTo: string) => {
    const run = trainRecipe({ ...given, merge: true, upTo });
    for (let next = await run.next(); ; next = await run.next()) if (next.done === true) return next.value;
  };
  await shard('u-d-vt');
  const first = await merge('u-d-vt');
  expect([first.space, first.bonds.map(({ manifest }) => manifest.id)]).toEqual(['u + d(vt)', ['u-d-vt']]);
  for (const bond of ['u-d-vt-c-at', 'u-d-vt-c-at2']) await shard(bond);
  // The space of a step is there when all of its bonds are.
  const second = await merge('u-d-vt-c-at');
  expect([second.space, second.bonds.map(({ reused }) => reused)]).toEqual(['u + d(vt)', [true, false]]);
  expect((await merge('u-d-vt-c-at2')).space).toBe(text);
  await expect(merge('u-c-at')).rejects.toMatchObject({
    code: 'FREEBIND_BOND_UNKNOWN',
    message: expect.stringContaining('no bond "u-c-at"; name one of u-d-vt, u-d-vt-c-at, u-d-vt-c-at2'),
  });
});

/** The reference backend, as if it were another. */
function disguised(changes: Partial<BackendManifest>): ReferenceBackend {
  const backend = new ReferenceBackend();
  return Object.assign(backend, { manifest: { ...backend.manifest, ...changes } });
}

test('what was made in mixed precision is not taken for float32', async () => {
  const text = 'u + c(at) + d(vt)';
  const given = { ...options(text, 'bonds'), training: { ...options(text, 'bonds').training, heads: ['A'] } };
  await events(trainRecipe({ ...given, backend: disguised({ tolerance: 2 ** -7 }) }));
  await rm(join(folder, 'bonds', 'u-c-at-d-vt'), { recursive: true });
  // The first bond is there and stays; nothing else is taken, the tables of its space neither.
  const again = await events(trainRecipe(given));
  expect([told(again), stepped(again)]).toEqual([[], ['u-c-at-d-vt: head 1 of 1, A']]);
});

test('a bond says on which device each of its heads was trained, also where another put them together', async () => {
  const given = options('u + c(at)', 'bonds');
  const [eight, two] = [disguised({ device: 'cpu, 8 threads' }), disguised({ device: 'cpu, 2 threads' })];
  const { training } = given;
  const provenanceOf = async () => (await readBond(join(folder, 'bonds', 'u-c-at'))).provenance;
  await events(trainRecipe({ ...given, backend: eight, training: { ...training, heads: ['mix', 'A'] } }));
  const whole = await bytesOf('bonds');
  await rm(join(folder, 'bonds', 'u-c-at'), { recursive: true });
  await events(trainRecipe({ ...given, backend: two, merge: true, training: { ...training, heads: ['mix', 'A'] } }));
  expect(await bytesOf('bonds')).toEqual(whole);
  expect((await provenanceOf()).backend).toMatchObject({ device: 'cpu, 8 threads' });

  await events(trainRecipe({ ...given, backend: two, replace: true }));
  const { backend, notes } = await provenanceOf();
  expect(backend).toMatchObject({ device: 'cpu, 2 threads' });
  expect(notes).toEqual(['mix', 'A'].map((name) => `Head "${name}" was trained on another device: cpu, 8 threads.`));
});

test('a head that two devices of one arithmetic trained is kept, and says so wherever it is taken', async () => {
  const given = { ...options('u + c(at)', 'bonds'), shard: { index: 0, count: 1 } };
  const training = { ...given.training, heads: ['A'] };
  await events(trainRecipeShard({ ...given, training, part: 'pairs' }));
  const [eight, two] = [disguised({ device: 'cpu, 8 threads' }), disguised({ device: 'cpu, 2 threads' })];
  const part = { ...given, training, part: 'heads', checkpoints: { everySteps: 4 } } as const;
  for await (const event of trainRecipeShard({ ...part, backend: eight }))
    if (event.type === 'step' && event.step === 6) break;
  await events(trainRecipeShard({ ...part, backend: two }));
  const merged = await events(trainRecipe({ ...given, training, merge: true }));
  expect(stepped(merged)).toEqual([]);
  expect((await readBond(join(folder, 'bonds', 'u-c-at'))).provenance.notes).toEqual([
    'Head "A" was trained on reference, float32 (cpu, 8 threads) from step 0, then reference, float32 (cpu, 2 threads) from step 4.',
  ]);
});

test('of a reuse folder that is too large the oldest pieces go, but none of the recipe that was trained', async () => {
  const given = options('u + d(vt) + c(at)', 'bonds');
  const old = `${pieceName('old')}.npy`;
  await mkdir(given.reuse, { recursive: true });
  await writeFile(join(given.reuse, old), 'rows');
  await events(trainRecipe(given));
  const pieces = await readdir(given.reuse);
  expect(pieces).toContain(old);
  await events(trainRecipe({ ...given, reuseBytes: 0 }));
  expect(await readdir(given.reuse)).toEqual(pieces.filter((name) => name !== old));
});

test('a shard of a recipe of several bonds names its bond, and its number is one of n', async () => {
  const given = { ...options('u + c(at, at2)', 'bonds'), part: 'pairs' } as const;
  await expect(events(trainRecipeShard({ ...given, shard: { index: 0, count: 2 } }))).rejects.toThrow(
    /u-c-at, u-c-at2/,
  );
  await expect(
    events(trainRecipeShard({ ...given, bond: 'u-c-at', shard: { index: 2, count: 2 } })),
  ).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
});
