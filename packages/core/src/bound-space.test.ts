import { ReferenceBackend } from '@freebind/backend-reference';
import { describeSpace } from '@freebind/conformance/vitest';
import { afterAll, expect, test } from 'vitest';
import { toyBond, toyShapes, ToySpace } from '../test/toy-spaces.ts';
import { BoundSpace } from './bound-space.ts';
import { openComposition } from './composition.ts';
import type { FactorChoice } from './factors.ts';
import { recipe } from './recipe.ts';
import type { Space } from './space.ts';

const backend = new ReferenceBackend({ precision: 'float64' });
afterAll(() => backend.close());

async function bind(text: string, members: readonly Space[], factors?: FactorChoice): Promise<BoundSpace> {
  const spaces = members.map((member) => member.manifest);
  const { unified, vision, sound } = toyShapes;
  const bonds = [
    toyBond('displacement', unified, vision),
    toyBond('combination', sound, unified),
    toyBond('combination', sound, { id: 'unified + d(vision)', dimension: 5 }),
  ];
  const composition = await openComposition({ recipe: recipe(text), spaces, bonds, backend });
  return new BoundSpace(composition, new Map(members.map((member) => [member.manifest.id, member])), factors);
}
const members = (): { unified: ToySpace; vision: ToySpace; sound: ToySpace } => ({
  unified: new ToySpace(toyShapes.unified, 'CC-BY-NC-SA-4.0'),
  vision: new ToySpace(toyShapes.vision),
  sound: new ToySpace(toyShapes.sound, 'MIT'),
});

describeSpace('a bound space', () => {
  const { unified, vision, sound } = members();
  return bind('unified + d(vision) + c(sound)', [unified, vision, sound]);
});

test('is a space: id, dimension, modalities, and the licences of its members', async () => {
  const { unified, sound } = members();
  const space = await bind('unified + c(sound)', [unified, sound]);
  expect(space.manifest).toMatchObject({
    id: 'unified + c(sound)',
    dimension: 6,
    modalities: ['audio', 'image', 'text'],
    source: { license: 'unified: CC-BY-NC-SA-4.0; sound: MIT' },
  });
});

test('embeds with the members that have the modality, and asks no other', async () => {
  const { unified, sound } = members();
  const space = await bind('unified + c(sound)', [unified, sound]);
  const image = await space.embed('image', [{ bytes: new Uint8Array() }]);
  expect(image).toMatchObject({ rows: 1, cols: 6, space: 'unified + c(sound)', unit: true });
  expect([unified.embedded, sound.embedded]).toEqual([1, 0]);
  await space.embed('text', ['a dog', 'a cat']);
  expect([unified.embedded, sound.embedded]).toEqual([2, 1]);
});

test('takes other factors after loading, and checks them again', async () => {
  const { unified, sound } = members();
  const space = await bind('unified + c(sound)', [unified, sound]);
  expect(space.factors).toEqual([{ audio: 0.5, text: 0.1 }]);
  const own = space.withFactors('audio=0,text=0');
  const { data } = await own.embed('text', ['a dog']);
  const expected = (await unified.embed('text', ['a dog'])).data;
  data.forEach((x, i) => expect(x).toBeCloseTo(expected[i] ?? Number.NaN, 7));
  expect((await space.embed('text', ['a dog'])).data).not.toEqual(data);
  expect(() => space.withFactors({ image: 0.5 })).toThrow(expect.objectContaining({ code: 'FREEBIND_FACTOR_INVALID' }));
});

test('can be bound again, like any space, with the numbers of one recipe of all steps', async () => {
  const { unified, vision, sound } = members();
  const inner = await bind('unified + d(vision)', [unified, vision]);
  const outer = await bind('"unified + d(vision)" + c(sound)', [inner, sound]);
  const whole = await bind('unified + d(vision) + c(sound)', [unified, vision, sound]);
  expect(outer.manifest.id).toBe(whole.manifest.id);
  expect(await outer.embed('text', ['a dog'])).toEqual(await whole.embed('text', ['a dog']));
});

test('embeds nothing after it was closed, and leaves its members open', async () => {
  const { unified, sound } = members();
  const space = await bind('unified + c(sound)', [unified, sound]);
  await space.close();
  await space.close();
  await expect(space.embed('text', ['a dog'])).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  expect([unified.closed, sound.closed]).toEqual([0, 0]);
});
