import { describe, expect, test } from 'vitest';
import { toyBond, toyShapes } from '../test/toy-spaces.ts';
import type { BondManifest } from './bond.ts';
import { type Plan, planRecipe } from './bonding.ts';
import { FreebindError } from './errors.ts';
import { recipe, type Recipe } from './recipe.ts';

const { unified, vision, sound, speech } = toyShapes;
const spaces = Object.values(toyShapes);
const bonds = [
  toyBond('combination', sound, unified).manifest,
  toyBond('combination', speech, unified).manifest,
  toyBond('displacement', unified, vision).manifest,
];
const plan = (source: string | Recipe, available: readonly BondManifest[] = bonds): Plan =>
  planRecipe(recipe(source), spaces, available);

function refused(run: () => unknown): FreebindError {
  try {
    run();
  } catch (error) {
    if (error instanceof FreebindError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('planning a recipe', () => {
  test('finds the bond of each expert, and what each step mixes', () => {
    const { steps } = plan('unified + c(sound, speech)');
    expect(steps[0]?.experts.map(({ bond }) => bond.id)).toEqual(['sound to unified', 'speech to unified']);
    expect(steps[0]?.mixed).toEqual(['audio', 'text']);
    expect(plan('unified + d(vision)').space).toEqual({
      id: 'unified + d(vision)',
      dimension: 5,
      modalities: ['audio', 'image', 'text'],
    });
  });

  test('says of a published variant how its projectors are imported, and of another recipe only how it is trained', () => {
    const named = { ...recipe('unified + d(vision)'), name: 'internvl_ib' };
    expect(refused(() => plan(named, [])).message).toMatch(
      /run: freebind train\. .*import DIR --variant "internvl_ib"/,
    );
    expect(refused(() => plan('unified + d(vision)', [])).message).toMatch(/run: freebind train$/);
  });

  test('wants the bond of a later step to know the space as the steps before made it', () => {
    const text = 'unified + d(vision) + c(sound)';
    const { code, message } = refused(() => plan(text));
    expect(code).toBe('FREEBIND_BOND_UNKNOWN');
    expect(message).toContain('combination from "sound" (4) into "unified + d(vision)" (5)');
    const moved = toyBond('combination', sound, { id: 'unified + d(vision)', dimension: 5 }).manifest;
    expect(plan(text, [...bonds, moved]).steps[1]?.experts[0]?.bond).toBe(moved);
  });

  test('says which bond is missing, which are there, and how to train it', () => {
    const { code, message } = refused(() => plan('vision + c(sound)'));
    expect(code).toBe('FREEBIND_BOND_UNKNOWN');
    expect(message).toContain('combination from "sound" (4) into "vision" (5)');
    expect(message).toContain('"sound to unified" (combination from "sound" (4) into "unified" (6))');
    expect(message).toContain('"recipe": "vision + c(sound)"');
    expect(message).toContain('freebind train');
    expect(refused(() => plan('vision + c(sound)', [])).message).toContain('Bonds that are here: none');
  });

  test('names all bonds that would do, and takes the one that the step names', () => {
    const twin = { ...toyBond('combination', sound, unified).manifest, id: 'another' };
    const { code, message } = refused(() => plan('unified + c(sound)', [...bonds, twin]));
    expect(code).toBe('FREEBIND_BOND_UNKNOWN');
    expect(message).toContain('"sound to unified", "another"');
    const named = recipe({
      base: 'unified',
      steps: [{ kind: 'combination', experts: ['sound'], bonds: ['another'] }],
    });
    expect(plan(named, [...bonds, twin]).steps[0]?.experts[0]?.bond).toBe(twin);
  });

  test('says which spaces a named bond was made for, when it is the wrong one', () => {
    const wrong = recipe({
      base: 'unified',
      steps: [{ kind: 'combination', experts: ['sound'], bonds: ['speech to unified'] }],
    });
    const { code, message } = refused(() => plan(wrong));
    expect(code).toBe('FREEBIND_SPACE_MISMATCH');
    expect(message).toContain('is a combination from "speech" (3) into "unified" (6)');
    expect(message).toContain('needs a combination from "sound" (4) into "unified" (6)');
  });

  test('refuses a bond for a space of that name with another dimension', () => {
    const wide = toyBond('combination', { ...sound, dimension: 9 }, unified).manifest;
    const { code, message } = refused(() => plan('unified + c(sound)', [wide]));
    expect(code).toBe('FREEBIND_SPACE_MISMATCH');
    expect(message).toContain('from "sound" (9)');
    expect(message).toContain('from "sound" (4)');
  });

  test('refuses an unknown space with the known ones and the likely one', () => {
    const { code, message } = refused(() => plan('unified + c(sonud)'));
    expect(code).toBe('FREEBIND_SPACE_UNKNOWN');
    expect(message).toContain('"sonud"');
    expect(message).toContain('did you mean "sound"');
    expect(message).toContain('unified, vision, sound, speech, depth');
  });

  test('refuses spaces that share no modality, with what each embeds', () => {
    const { code, message } = refused(() => plan('unified + c(depth)'));
    expect(code).toBe('FREEBIND_BOND_INVALID');
    expect(message).toContain('"unified" embeds audio, image, text and "depth" embeds depth, normals');
    expect(message).toContain('share no modality');
  });
});
