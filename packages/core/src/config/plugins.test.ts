import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeFolder, pluginPackage } from '../../test/toy-plugins.ts';
import { inspectPlugin, loadPlugin } from './plugins.ts';

const toy = { apiVersion: 1, package: 'space-toy', spaces: ['toy'] };
const wasImported = (folder: string, name = 'space-toy'): boolean =>
  existsSync(join(folder, 'node_modules', name, 'imported'));

describe('a plugin that a config names', () => {
  test('is found from the folder of the config, and above it', async () => {
    const folder = await makeFolder(pluginPackage('space-toy', toy));
    expect(await loadPlugin('space-toy', folder)).toMatchObject({ manifest: toy });
    const below = join(folder, 'a', 'b');
    await mkdir(below, { recursive: true });
    expect(await loadPlugin(['space-toy', { size: 2 }], below)).toMatchObject({ manifest: toy });
  });

  test('is found under a scope, and by the path of its folder', async () => {
    const scoped = { ...toy, package: '@someone/space-toy' };
    const folder = await makeFolder(pluginPackage('@someone/space-toy', scoped));
    expect(await loadPlugin('@someone/space-toy', folder)).toMatchObject({ manifest: scoped });
    expect(await loadPlugin('./node_modules/@someone/space-toy', folder)).toMatchObject({ manifest: scoped });
  });

  test('is found beside core, when the folder has none of that name', async () => {
    const folder = await makeFolder();
    const { manifest } = await loadPlugin('@freebind/backend-reference', folder);
    expect(manifest.backends).toEqual(['reference']);
  });

  test('can be looked at without running its code', async () => {
    const folder = await makeFolder(pluginPackage('space-toy', toy));
    const { manifest, folder: home } = await inspectPlugin('space-toy', folder);
    expect(manifest).toMatchObject(toy);
    expect(home).toBe(join(folder, 'node_modules', 'space-toy'));
    expect(wasImported(folder)).toBe(false);
  });
});

describe('a plugin that cannot be used', () => {
  test('that is not installed: the error gives the line that installs it', async () => {
    const folder = await makeFolder();
    await expect(loadPlugin('@someone/space-none', folder)).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_MISSING',
      message: expect.stringMatching(/"@someone\/space-none" is not installed.*npm i @someone\/space-none$/),
    });
    await expect(loadPlugin('./none', folder)).rejects.toMatchObject({ code: 'FREEBIND_PLUGIN_MISSING' });
  });

  test.each([
    [2, /apiVersion 2, .* runs apiVersion 1; none of its code was run\. Update core: npm i @freebind\/core@latest/],
    [0, /Update it: npm i space-toy@latest/],
  ])('of apiVersion %i: it is refused before its code runs', async (apiVersion, message) => {
    const folder = await makeFolder(pluginPackage('space-toy', { ...toy, apiVersion }));
    await expect(loadPlugin('space-toy', folder)).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INCOMPATIBLE',
      message: expect.stringMatching(message),
    });
    expect(wasImported(folder)).toBe(false);
  });

  test('whose import is seen to write a file, so that the proof above means something', async () => {
    const folder = await makeFolder(pluginPackage('space-toy', toy));
    await loadPlugin('space-toy', folder);
    expect(wasImported(folder)).toBe(true);
  });

  test.each([
    ['has no freebind field', undefined, /no "freebind" field/],
    ['has no apiVersion', { package: 'space-toy' }, /apiVersion is missing/],
    ['calls itself something else', { ...toy, package: 'space-other' }, /calls itself "space-other"/],
    ['lists what is no id', { ...toy, spaces: [7] }, /"spaces" is not a list of ids/],
  ])('that %s: it is refused before its code runs', async (_, declared, message) => {
    const folder = await makeFolder(pluginPackage('space-toy', declared));
    await expect(loadPlugin('space-toy', folder)).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringMatching(message),
    });
    expect(wasImported(folder)).toBe(false);
  });

  test('whose code says something else than its package.json', async () => {
    const folder = await makeFolder(pluginPackage('space-toy', toy, { ...toy, spaces: ['toy', 'more'] }));
    await expect(loadPlugin('space-toy', folder)).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringMatching(/code says .*"more".* package\.json says .*"toy"/),
    });
  });

  test.each([
    ['does not parse', 'export default {', /failed when it was imported/],
    ['throws', 'throw new Error("no engine")', /no engine/],
    ['exports no plugin', 'export default 7', /does not export a plugin by default/],
    [
      'gives no plugin when it is called',
      `export default Object.assign(() => 7, { manifest: ${JSON.stringify(toy)} })`,
      /gives no plugin/,
    ],
  ])('whose code %s', async (_, code, message) => {
    const folder = await makeFolder({ ...pluginPackage('space-toy', toy), 'node_modules/space-toy/index.js': code });
    await expect(loadPlugin('space-toy', folder)).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('whose package.json is damaged, or points nowhere', async () => {
    const damaged = await makeFolder({ 'node_modules/space-toy/package.json': '{' });
    await expect(loadPlugin('space-toy', damaged)).rejects.toMatchObject({ code: 'FREEBIND_PLUGIN_INVALID' });
    const { 'node_modules/space-toy/index.js': _, ...hollow } = pluginPackage('space-toy', toy);
    await expect(loadPlugin('space-toy', await makeFolder(hollow))).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringMatching(/entry cannot be found: .*build it first: npm run build/),
    });
  });
});
