import { FreebindError, type Recipe, recipe } from '@freebind/core';
import { readJson } from './tables.ts';

const KEYS = new Set(['base', 'steps', 'name', 'presets']);

/**
 * The recipe that a person names: its text, a published name, or a `.json` file of the object form, such as `freebind tune` writes.
 *
 * @throws FREEBIND_RECIPE_INVALID FREEBIND_FACTOR_INVALID FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID
 */
export async function readRecipe(source: string): Promise<Recipe> {
  if (!source.endsWith('.json')) return recipe(source);
  const content = await readJson(source);
  if (!isRecord(content)) throw wrong(source, 'is not an object');
  const odd = Object.keys(content).find((key) => !KEYS.has(key));
  if (odd !== undefined) throw wrong(source, `has a key "${odd}"`);
  const { presets = {} } = content;
  if (!isRecord(presets) || !Object.values(presets).every(isRecord))
    throw wrong(source, 'has presets that are no objects');
  // `recipe` checks the rest of an object that comes from JSON.
  return recipe(content as unknown as Recipe);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(path: string, found: string): FreebindError {
  return new FreebindError(
    'FREEBIND_RECIPE_INVALID',
    `${path} ${found}; a recipe is { "base": "u", "steps": [{ "kind": "combination", "experts": ["at"] }], "presets": { "tuned": { "1.audio": 0.5 } } }.`,
  );
}
