import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { goldenPath, readEntries, readJson } from './folder.ts';

/** Areas that a test here checks entry by entry. */
const CHECKED = ['training', 'projectors', 'composition'];

/** Areas of encoders, which have no code in this repository yet; each goes to CHECKED with the package that needs it. */
const NOT_YET: Readonly<Record<string, string>> = {
  inputs: 'pictures and sounds, for the spaces that embed them',
  preprocess: 'pixels, mel spectrograms and tokens, for the spaces that make them',
  models: 'small ONNX encoders and their outputs, for the spaces that run them',
  vocab: 'tokenizers, for the spaces that embed text',
};

test('knows every area of the golden folder', async ({ skip }) => {
  if (!existsSync(goldenPath('manifest.json'))) skip('the golden folder has no manifest of areas');
  const { areas } = await readJson<{ readonly areas: Readonly<Record<string, unknown>> }>('manifest.json');
  expect(Object.keys(areas).filter((area) => !CHECKED.includes(area) && !(area in NOT_YET))).toEqual([]);
});

test.for(Object.entries(NOT_YET))('leaves %s to a later package: %s', ([area], { skip }) => {
  expect(CHECKED).not.toContain(area);
  skip(existsSync(goldenPath(area)) ? 'no code for it yet' : 'the golden folder does not have it');
});

test.for(CHECKED)('finds the files of %s as the manifest describes them', async (area, { skip }) => {
  // The manifest of compositions lists cases, not files.
  const entries = area === 'composition' ? [] : await readEntries(area);
  if (entries.length === 0) skip('the golden folder has no list of its files');
  expect(entries.filter(({ file }) => !existsSync(goldenPath(file)))).toEqual([]);
  for (const { id, file, bytes, sha256 } of entries) {
    if (bytes === undefined || sha256 === undefined) continue;
    const found = await readFile(goldenPath(file));
    const digest = createHash('sha256').update(found).digest('hex');
    expect({ id, bytes: found.length, sha256: digest }).toEqual({ id, bytes, sha256 });
  }
});
