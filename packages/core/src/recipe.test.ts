import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FreebindError } from './errors.ts';
import { PUBLISHED } from './published.ts';
import { type Recipe, recipe } from './recipe.ts';
import { formatRecipe, spaceIdOf } from './recipe-text.ts';

/** The error that reading `source` ends in. */
function refused(source: unknown): FreebindError {
  try {
    // What JSON and untyped programs may hand over is the point of these tests.
    recipe(source as Recipe);
  } catch (error) {
    if (error instanceof FreebindError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('recipe', () => {
  test('reads text and object into the same value', () => {
    expect(recipe('imagebind + d(internvl) + c(clap-general, clap-music){audio=.5, text=0.1}')).toEqual(
      recipe({
        base: 'imagebind',
        steps: [
          { kind: 'displacement', experts: ['internvl'] },
          { kind: 'combination', experts: ['clap-general', 'clap-music'], factors: { text: 0.1, audio: 0.5 } },
        ],
      }),
    );
  });

  test('reads a recipe of no steps, and white space anywhere between words', () => {
    expect(recipe(' imagebind† ')).toEqual({ base: 'imagebind†', steps: [] });
    expect(recipe('a+c( b ,\n c ) { x = 1e-1 }')).toEqual(recipe('a + c(b, c){x=0.1}'));
  });

  test('takes a bound space, in quotes, as a base and as an expert', () => {
    expect(recipe('"imagebind + d(internvl)" + c("a b")')).toEqual({
      base: 'imagebind + d(internvl)',
      steps: [{ kind: 'combination', experts: ['a b'] }],
    });
  });

  test('is immutable all the way down', () => {
    const value = recipe({ base: 'a', steps: [{ kind: 'combination', experts: ['b'], factors: { x: 1 } }] });
    for (const part of [value, value.steps, value.steps[0], value.steps[0]?.experts, value.steps[0]?.factors]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test.each(Object.keys(PUBLISHED))('knows the published %s by name', (name) => {
    expect(recipe(name)).toMatchObject({ name, ...PUBLISHED[name] });
  });

  test.each([
    ['internvl_ib_ft', 'internvl_ib†'],
    ['InternVL_IB_FT++', 'internvl_ib†++'],
  ])('takes %s for %s, where a keyboard has no †', (ascii, name) => {
    expect(recipe(ascii)).toEqual(recipe(name));
    expect(recipe(ascii).name).toBe(name);
  });

  test('reads published names as the paper writes them', () => {
    expect(formatRecipe(recipe('InternVL_IB†++'))).toBe(
      'imagebind† + d(internvl){image=0.1, text=0.1} + c(clap-general, clap-music)',
    );
    expect(formatRecipe(recipe('ImageBind++'))).toBe('imagebind + c(clap-general, clap-music)');
    expect(recipe('internvl_ib').steps[0]?.factors).toEqual({ image: 0.2, text: 0.2 });
  });
});

test('docs/recipes.md lists the published variants as they are', () => {
  const page = readFileSync(new URL('../../../docs/recipes.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
  for (const name of Object.keys(PUBLISHED)) {
    expect(page).toContain(`| \`${name}\` | \`${formatRecipe(recipe(name))}\` |`);
  }
});

describe('recipe text', () => {
  test.each([
    ['', 1, 'the id of the space to start from'],
    ['imagebind +', 12, 'c(…) or d(…)'],
    ['imagebind + e(internvl)', 13, 'c(…) or d(…)'],
    ['imagebind + c clap', 15, '"(" and the expert after "c"'],
    ['imagebind + c()', 15, 'the id of an expert space'],
    ['imagebind + c(clap', 19, '"," and another expert, or ")"'],
    ['imagebind + c(clap, )', 21, 'the id of another expert space'],
    ['imagebind d(internvl)', 11, '"+" or the end'],
    ['imagebind + c(clap) x', 21, '"+", "{" or the end'],
    ['imagebind + c(clap){}', 21, 'a modality, such as audio or text'],
    ['imagebind + c(clap){audio}', 26, '"=" and a factor from 0 to 1 for audio'],
    ['imagebind + c(clap){audio=loud}', 27, 'a factor from 0 to 1 for audio, such as 0.5'],
    ['imagebind + c(clap){audio=.5', 29, '"," and another factor, or "}"'],
    ['imagebind + c(clap){audio=.5, audio=.6}', 31, 'another modality than "audio"'],
    ['imagebind† + †', 14, 'c(…) or d(…)'],
    ['"imagebind', 11, 'a closing quote for the one at column 1'],
    ['"" + c(a)', 2, 'the id of the space to start from between the quotes'],
    ['imagebind++ + c(a)', 11, 'c(…) or d(…)'],
  ])('%j: points at column %i and says what was expected', (text, column, expected) => {
    const { code, message } = refused(text);
    expect(code).toBe('FREEBIND_RECIPE_INVALID');
    expect(message).toContain(`at column ${column}:`);
    expect(message).toContain(`expected ${expected}`);
    // The caret stands under the column, below the text.
    expect(message).toContain(`\n    ${text}\n    ${' '.repeat(column - 1)}^\n`);
  });

  test('of a long text only what is around the column is shown', () => {
    const { message } = refused(`a + c(${'b'.repeat(20_000)}! + c(${'d'.repeat(20_000)})`);
    expect(message).toContain(`\n    …${'b'.repeat(100)}! + c(${'d'.repeat(94)}…\n    ${' '.repeat(101)}^\n`);
  });

  const id = fc.stringMatching(/^[^"\r\n]{1,12}$/u).filter((text) => text.trim() !== '');
  const factors = fc.dictionary(id, fc.double({ min: 0, max: 1, noNaN: true }), { noNullPrototype: true });
  const step = fc
    .record(
      {
        kind: fc.constantFrom('combination' as const, 'displacement' as const),
        experts: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
        factors: factors.filter((f) => Object.keys(f).length > 0),
      },
      { requiredKeys: ['kind', 'experts'] },
    )
    .filter(({ kind, experts }) => kind === 'combination' || experts.length === 1);
  const anyRecipe = fc.record({ base: id, steps: fc.array(step, { maxLength: 3 }) }).map(recipe);

  test('reads back what it writes', () => {
    fc.assert(
      fc.property(anyRecipe, (value) => {
        fc.pre(!Object.hasOwn(PUBLISHED, value.base.toLowerCase()));
        expect(recipe(formatRecipe(value))).toEqual(value);
        expect(formatRecipe(recipe(formatRecipe(value)))).toBe(formatRecipe(value));
      }),
    );
  });

  test('names the space after each step by its text without factors', () => {
    const value = recipe('internvl_ib++');
    expect(spaceIdOf(value, 0)).toBe('imagebind');
    expect(spaceIdOf(value, 1)).toBe('imagebind + d(internvl)');
    expect(spaceIdOf(value)).toBe('imagebind + d(internvl) + c(clap-general, clap-music)');
  });

  test('gives a bound space that is bound again the id of one recipe of all steps', () => {
    expect(spaceIdOf(recipe('"imagebind + d(internvl)" + c(clap)'))).toBe(
      spaceIdOf(recipe('imagebind + d(internvl) + c(clap)')),
    );
  });
});

describe('bad recipes', () => {
  test('a displacement into several experts is refused with the reason and what to write instead', () => {
    const { code, message } = refused('imagebind + d(a, b)');
    expect(code).toBe('FREEBIND_RECIPE_INVALID');
    expect(message).toContain('rows can only move into one space');
    expect(message).toContain('d(a) + d(b)');
    expect(message).toContain('c(a, b)');
  });

  test.each([
    ['no base', { steps: [] }, /base of a recipe/],
    ['a base with a quote', { base: 'a"b', steps: [] }, /without quotes/],
    ['steps that are no list', { base: 'a' }, /steps of a recipe must be a list/],
    ['an unknown kind', { base: 'a', steps: [{ kind: 'merge', experts: ['b'] }] }, /kind "merge"/],
    ['no experts', { base: 'a', steps: [{ kind: 'combination', experts: [] }] }, /names no expert/],
    ['an expert twice', { base: 'a', steps: [{ kind: 'combination', experts: ['b', 'b'] }] }, /"b" twice/],
    ['no object', null, /text or an object.*but null/],
    ['a list', [], /text or an object/],
    ['a step that is no object', { base: 'a', steps: [null] }, /Step 1 of the recipe is null/],
    ['a name that is no text', { base: 'a', steps: [], name: 7 }, /name of a recipe is text, but 7/],
    ['presets that are no object', { base: 'a', steps: [], presets: 'tuned' }, /presets of a recipe are an object/],
    ['a preset that is no object', { base: 'a', steps: [], presets: { tuned: null } }, /factors of preset "tuned" are/],
    [
      'a bond that is no id',
      { base: 'a', steps: [{ kind: 'combination', experts: ['b'], bonds: [3] }] },
      /A bond of step 1 is 3/,
    ],
    [
      'too few bonds',
      { base: 'a', steps: [{ kind: 'combination', experts: ['b', 'c'], bonds: ['x'] }] },
      /one bond for each of its 2 experts/,
    ],
  ])('%s is refused', (_, source, message) => {
    const error = refused(source);
    expect(error.code).toBe('FREEBIND_RECIPE_INVALID');
    expect(error.message).toMatch(message);
  });

  test.each(['a + c(b){x=1.5}', 'a + d(b){x=-0.1}'])('a factor outside [0, 1] is refused: %s', (text) => {
    const { code, message } = refused(text);
    expect(code).toBe('FREEBIND_FACTOR_INVALID');
    expect(message).toMatch(/factor "x" of step 1, [cd]\(b\) is (1\.5|-0\.1)/);
  });

  test('a factor of the object form that is NaN, or no number, is refused', () => {
    for (const factor of [Number.NaN, '0.5', null]) {
      const source = { base: 'a', steps: [{ kind: 'combination', experts: ['b'], factors: { x: factor } }] };
      expect(refused(source).code).toBe('FREEBIND_FACTOR_INVALID');
    }
  });
});
