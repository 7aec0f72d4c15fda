import { afterAll, describe, expect, test } from 'vitest';
import { ReferenceBackend } from '@freebind/backend-reference';
import { toyBond, toyRows, toyShapes } from '../test/toy-spaces.ts';
import { type BondSource, type Composition, openComposition } from './composition.ts';
import { openBond } from './opened-bond.ts';
import { recipe } from './recipe.ts';
import type { Embeddings } from './space.ts';

const { unified, vision, sound, speech } = toyShapes;
const spaces = [unified, vision, sound, speech];
const backend = new ReferenceBackend({ precision: 'float64' });
afterAll(() => backend.close());

const bonds: readonly BondSource[] = [
  toyBond('combination', sound, unified, ['mix', 'A', 'T']),
  toyBond('combination', speech, unified, ['mix']),
  toyBond('displacement', unified, vision),
  toyBond('displacement', { id: 'unified + c(sound)', dimension: 6 }, vision),
];
const open = (text: string): Promise<Composition> => openComposition({ recipe: recipe(text), spaces, bonds, backend });

/** The rows of every member for one modality. */
function memberRows(composition: Composition, modality: string): Map<string, Embeddings> {
  return new Map(composition.members(modality).map((space) => [space.id, toyRows(space, modality)]));
}
async function compose(text: string, modality: string, factors = {}): Promise<Embeddings> {
  const composition = await open(text);
  const projections = await composition.project(modality, memberRows(composition, modality));
  return composition.mix(projections, composition.factors(factors));
}
/** normalise(mean over the heads of the named bond), by hand. */
async function psi(index: number, rows: Embeddings): Promise<Embeddings> {
  const source = bonds[index];
  if (source === undefined || !('networks' in source)) throw new Error('no such bond');
  const carried = await (await openBond(source, backend)).carry(rows);
  return { ...(await backend.combine([{ rows: carried, factor: 1 }])), space: source.manifest.into.space, unit: true };
}

describe('a composition', () => {
  test('embeds what any member embeds, and asks only those that do', async () => {
    const composition = await open('unified + c(sound, speech)');
    expect(composition.plan.space).toEqual({
      id: 'unified + c(sound, speech)',
      dimension: 6,
      modalities: ['audio', 'image', 'text', 'speech'],
    });
    const asked = (modality: string): readonly string[] => composition.members(modality).map(({ id }) => id);
    expect(asked('text')).toEqual(['unified', 'sound', 'speech']);
    expect(asked('audio')).toEqual(['unified', 'sound']);
    expect(asked('image')).toEqual(['unified']);
    expect(asked('speech')).toEqual(['speech']);
    expect(() => composition.members('smell')).toThrow(
      expect.objectContaining({
        code: 'FREEBIND_CAPABILITY_MISSING',
        message: expect.stringContaining('audio, image'),
      }),
    );
  });

  test('combination: keeps the rows of a modality that no expert embeds', async () => {
    const rows = await compose('unified + c(sound)', 'image');
    expect(rows).toEqual({ ...toyRows(unified, 'image'), space: 'unified + c(sound)' });
  });

  test('combination: takes only the projected rows of a modality that the space lacks', async () => {
    const rows = await compose('unified + c(speech)', 'speech');
    expect(rows.data).toEqual((await psi(1, toyRows(speech, 'speech'))).data);
  });

  test('combination: factor 1 gives the projected rows and factor 0 the own ones', async () => {
    const own = toyRows(unified, 'audio');
    const projected = await psi(0, toyRows(sound, 'audio'));
    for (const [audio, expected] of [
      [1, projected],
      [0, own],
    ] as const) {
      const { data } = await compose('unified + c(sound)', 'audio', { audio });
      data.forEach((x, i) => expect(x).toBeCloseTo(expected.data[i] ?? Number.NaN, 7)); // float32 rows are unit to 6e-8
    }
  });

  test('combination in parallel: every head of every expert that embeds the modality counts the same', async () => {
    // 3 heads and 1 head: the mean over all 4 weighs the bonds' own means 3 : 1.
    const { data } = await compose('unified + c(sound, speech)', 'text', { text: 1 });
    const carried = await Promise.all(
      [sound, speech].map(async (space, i) => {
        const source = bonds[i];
        if (source === undefined || !('networks' in source)) throw new Error('no such bond');
        return (await openBond(source, backend)).carry(toyRows(space, 'text'));
      }),
    );
    const [a, b] = carried;
    if (a === undefined || b === undefined) throw new Error('two bonds were carried');
    const expected = await backend.combine([
      { rows: a, factor: 0.75 },
      { rows: b, factor: 0.25 },
    ]);
    data.forEach((x, i) => expect(x).toBeCloseTo(expected.data[i] ?? Number.NaN, 12));
    // Audio is embedded by one of them, so the other has no say.
    expect((await compose('unified + c(sound, speech)', 'audio')).data).toEqual(
      (await compose('unified + c(sound)', 'audio')).data,
    );
  });

  test("displacement: projects modalities that the expert lacks, and the expert's own stay as they are", async () => {
    const rows = await compose('unified + d(vision)', 'audio');
    expect(rows).toMatchObject({ space: 'unified + d(vision)', cols: 5, unit: true });
    expect(rows.data).toEqual((await psi(2, toyRows(unified, 'audio'))).data);
  });

  test('displacement: the factor weighs the projected rows', async () => {
    const { data } = await compose('unified + d(vision)', 'image', { image: 0 });
    const own = toyRows(vision, 'image').data;
    data.forEach((x, i) => expect(x).toBeCloseTo(own[i] ?? Number.NaN, 7));
    const moved = await compose('unified + d(vision)', 'image', { image: 1 });
    const projected = (await psi(2, toyRows(unified, 'image'))).data;
    moved.data.forEach((x, i) => expect(x).toBeCloseTo(projected[i] ?? Number.NaN, 12)); // normalised once more
  });

  test('mixes one projection with many factors, as if each had been composed anew', async () => {
    const composition = await open('unified + d(vision)');
    const projections = await composition.project('text', memberRows(composition, 'text'));
    for (const text of [0, 0.2, 0.9]) {
      const mixed = await composition.mix(projections, composition.factors({ text }));
      expect(mixed).toEqual(await compose('unified + d(vision)', 'text', { text }));
    }
  });

  test('displaces what an earlier step mixed, by the factors of both steps', async () => {
    const composed = await compose('unified + c(sound) + d(vision)', 'text', { '1.text': 0.4, '2.text': 0.7 });
    const first = await compose('unified + c(sound)', 'text', { text: 0.4 });
    const expected = await backend.combine([
      { rows: await psi(3, first), factor: 0.7 },
      { rows: toyRows(vision, 'text'), factor: 1 - 0.7 },
    ]);
    expect(composed.data).toEqual(expected.data);
    // An image has nothing to mix before the displacement, so it can be projected beforehand.
    const composition = await open('unified + c(sound) + d(vision)');
    const { steps } = await composition.project('image', memberRows(composition, 'image'));
    expect(steps[1]?.carried).toBeDefined();
  });

  test('never writes to the rows it is given', async () => {
    const composition = await open('unified + c(sound)');
    const rows = memberRows(composition, 'text');
    await composition.mix(await composition.project('text', rows), composition.factors());
    expect(rows).toEqual(memberRows(composition, 'text'));
  });

  test('refuses rows that are missing, of another space, or of other items', async () => {
    const composition = await open('unified + c(sound)');
    const rows = memberRows(composition, 'text');
    const project = (changed: [string, Embeddings][]): Promise<unknown> =>
      composition.project('text', new Map([...rows, ...changed]));
    await expect(composition.project('text', new Map())).rejects.toMatchObject({
      code: 'FREEBIND_SPACE_MISMATCH',
      message: expect.stringContaining('needs text embeddings of "unified" (6), but none were given'),
    });
    await expect(project([['sound', toyRows(vision, 'text')]])).rejects.toMatchObject({
      code: 'FREEBIND_SPACE_MISMATCH',
      message: expect.stringContaining('those of "vision" (5)'),
    });
    await expect(project([['sound', toyRows(sound, 'text', 3)]])).rejects.toMatchObject({
      code: 'FREEBIND_ROWS_MISALIGNED',
      message: expect.stringContaining('"unified": 7, "sound": 3'),
    });
  });

  test('reads only the bonds it needs, closes those it opened, and leaves those it was given', async () => {
    const given = await openBond(toyBond('combination', sound, unified), backend);
    const read: string[] = [];
    const onDisk = (data: ReturnType<typeof toyBond>): BondSource => ({
      manifest: data.manifest,
      read: async () => {
        read.push(data.manifest.id);
        return data;
      },
    });
    const composition = await openComposition({
      recipe: recipe('unified + c(sound, speech)'),
      spaces,
      bonds: [given, onDisk(toyBond('combination', speech, unified)), onDisk(toyBond('displacement', unified, vision))],
      backend,
    });
    expect(read).toEqual(['speech to unified']);
    await composition.close();
    await composition.close();
    expect(() => composition.members('text')).toThrow(expect.objectContaining({ code: 'FREEBIND_CLOSED' }));
    await expect(given.carry(toyRows(sound, 'text'))).resolves.toMatchObject({ space: 'unified' });
  });
});
