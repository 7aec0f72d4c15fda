import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeFolder } from '../../test/toy-plugins.ts';
import { loadConfig } from './load-config.ts';

afterEach(() => vi.unstubAllEnvs());

describe('a config', () => {
  test.each([
    ['freebind.config.json', '{ "backend": "onnx", "seed": 7, "bonds": "bonds" }'],
    ['freebind.config.mjs', 'export default { backend: "onnx", seed: 7, bonds: "bonds" };'],
    ['freebind.config.ts', 'const seed: number = 7; export default { backend: "onnx", seed, bonds: "bonds" };'],
  ])('is read from %s, its folders relative to it', async (name, content) => {
    const folder = await makeFolder({ [name]: content });
    const file = join(folder, name);
    const expected = { backend: 'onnx', seed: 7, bonds: join(folder, 'bonds'), file, folder };
    expect(await loadConfig({ path: folder })).toEqual(expected);
    expect(await loadConfig({ path: file })).toEqual(expected);
    expect(await readdir(folder)).toEqual([name]); // reading leaves nothing behind
  });

  test('has the models of its plugins beside it', async () => {
    const plugins = ['a', ['b', { models: 'mine', threads: 2 }], ['c', { models: { of: 'its own' } }], ['d', {}]];
    const folder = await makeFolder({ 'freebind.config.json': JSON.stringify({ plugins }) });
    expect((await loadConfig({ path: folder })).plugins).toEqual([
      'a',
      ['b', { models: join(folder, 'mine'), threads: 2 }],
      ['c', { models: { of: 'its own' } }],
      ['d', {}],
    ]);
  });

  test('is found above the folder it is looked for from', async () => {
    const folder = await makeFolder({ 'freebind.config.json': '{}', 'a/b/note.txt': '' });
    expect(await loadConfig({ path: join(folder, 'a', 'b') })).toEqual({
      file: join(folder, 'freebind.config.json'),
      folder,
    });
  });

  test('is read anew when the file has changed', async () => {
    const folder = await makeFolder({ 'a/freebind.config.ts': 'export default { seed: 1 }' });
    const path = join(folder, 'a', 'freebind.config.ts');
    expect((await loadConfig({ path })).seed).toBe(1);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(path, 'export default { seed: 2 }');
    expect((await loadConfig({ path })).seed).toBe(2);
  });

  test('takes the backend from the caller, else from the environment, else from the file', async () => {
    const folder = await makeFolder({
      'freebind.config.json': { backend: ['@freebind/backend-onnx', { threads: 2 }] },
    });
    const backend = async (override?: string): Promise<unknown> =>
      (await loadConfig({ path: folder, ...(override !== undefined && { backend: override }) })).backend;
    expect(await backend()).toEqual(['@freebind/backend-onnx', { threads: 2 }]);
    vi.stubEnv('FREEBIND_BACKEND', 'reference');
    expect(await backend()).toBe('reference');
    // The same backend keeps the options of the file and adds to them.
    expect(await backend('onnx:webgpu')).toEqual(['onnx', { threads: 2, device: 'webgpu' }]);
  });

  test('keeps the name by which one of several backends of a plugin was chosen', async () => {
    const folder = await makeFolder({ 'freebind.config.json': { backend: ['fast', { threads: 2 }] } });
    expect((await loadConfig({ path: folder, backend: 'fast:gpu' })).backend).toEqual([
      'fast',
      { threads: 2, device: 'gpu' },
    ]);
  });
});

describe('a config that is wrong', () => {
  test.each<[string, object | string, RegExp]>([
    [
      'a slip in a key',
      { backnd: 'onnx' },
      /backnd: no such key; did you mean "backend"\? Keys here: backend, plugins/,
    ],
    ['an unknown key', { colour: 'red' }, /colour: no such key; remove it\. Keys here/],
    ['a backend that is no name', { backend: 7 }, /backend is 7: give the name of a package/],
    ['plugins that are no list', { plugins: 'clap' }, /plugins is "clap": give a list of plugins/],
    [
      'a plugin without options after its name',
      { plugins: ['a', ['b']] },
      /plugins\.1 is \["b"\]: give the name of a package/,
    ],
    ['a folder that is no path', { bonds: '' }, /bonds is "": give a folder, such as "bonds"/],
    ['a negative seed', { seed: -1 }, /seed is -1: give a whole number from 0 to 4294967295/],
    ['a seed that is no number', { seed: '7' }, /seed is "7": give a whole number/],
    ['a list in place of an object', [], /the whole file is \[\]: give an object/],
    ['null in place of an object', 'null', /the whole file is null: give an object/],
    ['a file of nothing', '', /the whole file is empty: give an object/],
    ['lists that would exhaust the stack', '['.repeat(1e5) + ']'.repeat(1e5), /cannot be loaded: .* 100 deep/],
    ['JSON that does not parse', '{ "seed": ', /cannot be loaded: .*JSON/],
  ])('%s: the error names the key and the fix', async (_, content, message) => {
    const path = join(await makeFolder({ 'freebind.config.json': content }), 'freebind.config.json');
    await expect(loadConfig({ path })).rejects.toMatchObject({
      code: 'FREEBIND_CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    await expect(loadConfig({ path })).rejects.toThrow(path);
  });

  test('several wrong keys are all named at once', async () => {
    const folder = await makeFolder({ 'freebind.config.json': { seed: -1, tabels: 'x' } });
    await expect(loadConfig({ path: folder })).rejects.toThrow(
      /seed is -1[^]*tabels: no such key; did you mean "tables"/,
    );
  });

  test.each([
    ['throws', 'throw new Error("no moon")', /no moon/],
    ['exports nothing', 'export const seed = 1;', /the whole file is empty|seed/],
  ])('a module that %s is refused with its reason', async (_, code, message) => {
    const path = join(await makeFolder({ 'freebind.config.mjs': code }), 'freebind.config.mjs');
    await expect(loadConfig({ path })).rejects.toMatchObject({
      code: 'FREEBIND_CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('a file that is not there, and a file of another kind', async () => {
    const folder = await makeFolder({ 'config.yaml': '' });
    await expect(loadConfig({ path: join(folder, 'none.json') })).rejects.toMatchObject({
      code: 'FREEBIND_FILE_MISSING',
    });
    await expect(loadConfig({ path: folder })).rejects.toMatchObject({
      code: 'FREEBIND_FILE_MISSING',
      message: expect.stringContaining('freebind.config.ts, freebind.config.mjs, freebind.config.json'),
    });
    await expect(loadConfig({ path: join(folder, 'config.yaml') })).rejects.toMatchObject({
      code: 'FREEBIND_CONFIG_INVALID',
    });
  });
});
