import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recipe } from '@freebind/core';
import { expect, onTestFinished, test } from 'vitest';
import { readRecipe } from './recipes.ts';

function fileOf(content: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-recipe-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'recipe.json');
  writeFileSync(file, content);
  return file;
}

test('reads text, published names and files of the object form', async () => {
  const object = {
    base: 'u',
    steps: [{ kind: 'combination' as const, experts: ['at'] }],
    presets: { tuned: { '1.audio': 0.5 } },
  };
  expect(await readRecipe(fileOf(JSON.stringify(object)))).toEqual(recipe(object));
  expect(await readRecipe('u + c(at)')).toEqual(recipe('u + c(at)'));
  expect(await readRecipe('imagebind++')).toEqual(recipe('imagebind++'));
});

test.each([
  ['[]', 'FREEBIND_RECIPE_INVALID', 'is not an object'],
  ['{ "base": "u", "step": [] }', 'FREEBIND_RECIPE_INVALID', 'has a key "step"'],
  ['{ "base": "u", "steps": [], "presets": { "a": null } }', 'FREEBIND_RECIPE_INVALID', 'presets that are no objects'],
  ['{ "base": "u", "steps": [{ "kind": "sum", "experts": ["e"] }] }', 'FREEBIND_RECIPE_INVALID', 'kind "sum"'],
  ['{ "base": ', 'FREEBIND_FILE_INVALID', 'is not JSON'],
])('refuses a file of %s', async (content, code, words) => {
  await expect(readRecipe(fileOf(content))).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
});

test('refuses a file of lists that would exhaust the stack', async () => {
  const content = `{ "base": ${'['.repeat(1e5)}${']'.repeat(1e5)}, "steps": [] }`;
  const message = expect.stringContaining('more than 100 deep');
  await expect(readRecipe(fileOf(content))).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID', message });
});

test('refuses a file that is not there', async () => {
  await expect(readRecipe('nowhere/recipe.json')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
});
