import { FreebindError } from './errors.ts';
import type { Recipe, Step } from './recipe.ts';

/** What an id may be made of without quotes. `†` is FreeBind's own mark of a fine-tuned space. */
const PLAIN_ID = /[\p{L}\p{N}._\-†@/:]+/uy;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy;
/** Characters of a wrong recipe that are shown on either side of the place. */
const AROUND = 100;
const SPACES = /\s*/y;
const LETTER = { combination: 'c', displacement: 'd' } as const;

/**
 * Reads the papers' own notation. White space is free; an id in double quotes may hold anything but quotes and line breaks,
 * so that the id of a bound space can be a base.
 *
 *     recipe  = id { "+" step }
 *     step    = ( "c" | "d" ) "(" id { "," id } ")" [ factors ]
 *     factors = "{" modality "=" number { "," modality "=" number } "}"
 *
 * @throws FREEBIND_RECIPE_INVALID with the text, a caret under the column, and what was expected there
 */
export function parseRecipe(text: string): Recipe {
  let at = 0;

  const fail = (expected: string): never => {
    // Columns count characters as people see them, not UTF-16 units.
    const column = Array.from(text.slice(0, at)).length + 1;
    const { shown, caret } = around(text.replace(/[\r\n\t]/g, ' '), column);
    const rest = Array.from(text.slice(at));
    const found = rest[0] === undefined ? 'the text ends' : `"${rest[0]}" was found`;
    throw new FreebindError(
      'FREEBIND_RECIPE_INVALID',
      `The recipe is wrong at column ${column}: ${found}, expected ${expected}.\n\n    ${shown}\n    ${' '.repeat(caret)}^\n\n` +
        'A recipe reads: base + d(expert) + c(expert, expert){audio=0.5, text=0.1}.',
    );
  };
  const read = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) at += match.length;
    return match;
  };
  const skipSpace = (): void => void read(SPACES);
  const take = (symbol: string): boolean => {
    skipSpace();
    if (!text.startsWith(symbol, at)) return false;
    at += symbol.length;
    return true;
  };
  const expect = (symbol: string, expected = `"${symbol}"`): void => {
    if (!take(symbol)) fail(expected);
  };

  const id = (what: string): string => {
    skipSpace();
    if (text[at] !== '"') return read(PLAIN_ID) ?? fail(what);
    const open = at++;
    const quoted = read(/[^"\r\n]*/y) ?? '';
    if (quoted.trim() === '') fail(`${what} between the quotes`);
    if (text[at] !== '"') fail(`a closing quote for the one at column ${Array.from(text.slice(0, open)).length + 1}`);
    at++;
    return quoted;
  };

  const factors = (): Record<string, number> | undefined => {
    if (!take('{')) return undefined;
    const given = new Map<string, number>();
    do {
      skipSpace();
      const start = at;
      const modality = id('a modality, such as audio or text');
      if (given.has(modality)) {
        at = start;
        fail(`another modality than "${modality}", which already has a factor in this step`);
      }
      expect('=', `"=" and a factor from 0 to 1 for ${modality}`);
      skipSpace();
      given.set(modality, Number(read(NUMBER) ?? fail(`a factor from 0 to 1 for ${modality}, such as 0.5`)));
    } while (take(','));
    expect('}', '"," and another factor, or "}"');
    return Object.fromEntries(given);
  };

  const step = (): Step => {
    const kind = take('c') ? 'combination' : take('d') ? 'displacement' : fail('c(…) or d(…)');
    expect('(', `"(" and the expert after "${LETTER[kind]}"`);
    const experts = [id('the id of an expert space')];
    while (take(',')) experts.push(id('the id of another expert space'));
    expect(')', '"," and another expert, or ")"');
    const given = factors();
    return given === undefined ? { kind, experts } : { kind, experts, factors: given };
  };

  const base = id('the id of the space to start from');
  const steps: Step[] = [];
  while (take('+')) steps.push(step());
  skipSpace();
  if (at < text.length)
    fail(steps.at(-1)?.factors === undefined && steps.length > 0 ? '"+", "{" or the end' : '"+" or the end');
  return { base, steps };
}

/** What stands around a column, and how far into it: a terminal's line of a text of any length. */
function around(text: string, column: number): { readonly shown: string; readonly caret: number } {
  const characters = Array.from(text);
  const [from, to] = [Math.max(0, column - 1 - AROUND), column - 1 + AROUND];
  const [before, after] = [from > 0 ? '…' : '', to < characters.length ? '…' : ''];
  return { shown: `${before}${characters.slice(from, to).join('')}${after}`, caret: before.length + column - 1 - from };
}

/** An id as it stands in recipe text: in quotes where it needs them. */
function quoteId(id: string): string {
  PLAIN_ID.lastIndex = 0;
  return PLAIN_ID.exec(id)?.[0] === id ? id : `"${id}"`;
}

/** One step as it stands in recipe text: `c(clap-general, clap-music){audio=0.5}`. */
export function formatStep(step: Step, options: { readonly factors?: boolean } = {}): string {
  const factors = Object.entries(options.factors === false ? {} : (step.factors ?? {}))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([modality, factor]) => `${quoteId(modality)}=${factor}`);
  const braces = factors.length === 0 ? '' : `{${factors.join(', ')}}`;
  return `${LETTER[step.kind]}(${step.experts.map(quoteId).join(', ')})${braces}`;
}

/** The canonical text of a recipe, which `recipe()` reads back; names, presets and explicit bonds have no text form. */
export function formatRecipe(recipe: Recipe, options: { readonly factors?: boolean } = {}): string {
  return [quoteId(recipe.base), ...recipe.steps.map((step) => formatStep(step, options))].join(' + ');
}

/**
 * The id of the space that a recipe makes: its canonical text without factors, and without quotes around the base, so that
 * binding `imagebind + d(internvl)` once more gives the same id as one recipe of both steps. `steps` stops after as many.
 */
export function spaceIdOf(recipe: Recipe, steps: number = recipe.steps.length): string {
  return [recipe.base, ...recipe.steps.slice(0, steps).map((step) => formatStep(step, { factors: false }))].join(' + ');
}
