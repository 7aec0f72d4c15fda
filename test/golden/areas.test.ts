import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { goldenPath, readEntries, readJson } from './folder.ts';

/** Areas that a test here checks entry by entry. */
const CHECKED = ['training', 'projectors', 'composition', 'inputs', 'preprocess', 'models', 'vocab'];

test('knows every area of the golden folder', async ({ skip }) => {
  if (!existsSync(goldenPath('manifest.json'))) skip('the golden folder has no manifest of areas');
  const { areas } = await readJson<{ readonly areas: Readonly<Record<string, unknown>> }>('manifest.json');
  expect(Object.keys(areas).filter((area) => !CHECKED.includes(area))).toEqual([]);
});

test.for(CHECKED)('finds the files of %s as the manifest describes them', async (area, { skip }) => {
  // The manifest of compositions lists cases, not files; vocabularies have none, and tokens.test.ts reads each.
  const entries = area === 'composition' || area === 'vocab' ? [] : await readEntries(area);
  if (entries.length === 0) skip('the golden folder has no list of its files');
  expect(entries.filter(({ file }) => !existsSync(goldenPath(file)))).toEqual([]);
  for (const { id, file, bytes, sha256 } of entries) {
    if (bytes === undefined || sha256 === undefined) continue;
    const found = await readFile(goldenPath(file));
    const digest = createHash('sha256').update(found).digest('hex');
    expect({ id, bytes: found.length, sha256: digest }).toEqual({ id, bytes, sha256 });
  }
});
