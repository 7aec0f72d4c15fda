import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPlugin } from '@freebind/conformance';
import { SPACE, type Space } from '@freebind/core';
import { embedFiles, filesOf } from '@freebind/embed';
import clap from '@freebind/space-clap';
import imagebind from '@freebind/space-imagebind';
import { afterAll, expect, test } from 'vitest';
import { wavFile } from '../packages/media/test/wav-file.ts';
import { CLAP_FILES, IMAGEBIND_FILES, modelFolder } from './golden/model-folder.ts';

const folders = await Promise.all([modelFolder(IMAGEBIND_FILES), modelFolder(CLAP_FILES.general)]);
const [bindFolder, clapFolder] = folders.map(({ folder }) => folder);
const dir = await mkdtemp(join(tmpdir(), 'freebind-pass-'));
const spaces: readonly Space[] = [
  await loadPlugin(imagebind({ models: bindFolder, dimension: 24, threads: 1, workers: 1 })).getAsync(SPACE, {
    name: 'imagebind',
  }),
  await loadPlugin(clap({ models: clapFolder, dimension: 16, threads: 1, workers: 1 })).getAsync(SPACE, {
    name: 'clap-general',
  }),
];
afterAll(async () => {
  await Promise.all(spaces.map((space) => space.close()));
  await Promise.all([rm(dir, { recursive: true }), ...folders.map(({ remove }) => remove())]);
});

test('a sound that two spaces share in one pass has the rows of one that each space has for itself', async () => {
  const paths = [3, 5, 7, 11].map((period) => join(dir, `${period}.wav`));
  for (const [i, path] of paths.entries()) {
    const samples = Array.from({ length: 16_000 * (i + 1) }, (_, t) => Math.round(9000 * Math.sin((t * (i + 1)) / 9)));
    await writeFile(path, wavFile(samples));
  }
  const tables = async (name: string, of: readonly Space[]): Promise<readonly Buffer[]> => {
    const out = join(dir, name);
    const run = embedFiles({ spaces: of, modality: 'audio', items: filesOf(paths, 'audio'), out, batch: 2 });
    for (let next = await run.next(); next.done !== true; next = await run.next());
    return Promise.all(of.map(({ manifest }) => readFile(join(out, `${manifest.id}.audio.npy`))));
  };
  const together = await tables('together', spaces);
  expect(together).toEqual((await Promise.all(spaces.map((one) => tables(one.manifest.id, [one])))).flat());
});
