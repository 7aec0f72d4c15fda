import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, scratch } from './freebind.ts';

const EVALUATION = [
  'eval',
  '--queries',
  numpy('paired/unified.audio.npy'),
  '--gallery',
  numpy('paired/unified.image.npy'),
];

describe('--backend', () => {
  test('names a plugin that is not installed with the line that installs it', async () => {
    const { status, stderr } = await freebind([...EVALUATION, '--backend', 'abacus']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error FREEBIND_PLUGIN_MISSING: .*npm i @freebind\/backend-abacus/);
  });

  test('refuses a plugin of another apiVersion before its code runs', async () => {
    const dir = join(scratch(), 'future');
    mkdirSync(dir);
    const manifest = { apiVersion: 99, package: 'future', backends: ['future'] };
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'future', main: 'index.js', freebind: manifest }));
    writeFileSync(join(dir, 'index.js'), 'console.log("ran");');
    const { stdout, stderr } = await freebind([...EVALUATION, '--backend', dir]);
    expect(stderr).toContain('FREEBIND_PLUGIN_INCOMPATIBLE');
    expect(stdout).toBe('');
  });

  test.each([
    ['reference', '2', /^$/],
    ['onnx', '100000', /^error FREEBIND_ARGUMENT_INVALID: threads is 100000/],
    ['["reference", {"precision": "float16"}]', '1', /^error FREEBIND_ARGUMENT_INVALID: .*float16/],
    ['auto', '100000', /^error FREEBIND_ARGUMENT_INVALID: threads is 100000/],
  ])('%s takes --threads %s, or refuses it where it is absurd', async (backend, threads, words) => {
    const { stderr } = await freebind([...EVALUATION, '--backend', backend, '--threads', threads, '--quiet']);
    expect(stderr).toMatch(words);
  });

  test('names one of several backends of a plugin, which is then given --threads', async () => {
    const dir = scratch();
    const home = join(dir, 'node_modules', 'backend-two');
    mkdirSync(home, { recursive: true });
    const manifest = { apiVersion: 1, package: 'backend-two', backends: ['slow', 'fast'] };
    writeFileSync(join(dir, 'freebind.config.json'), '{ "plugins": ["backend-two"] }');
    writeFileSync(
      join(home, 'package.json'),
      JSON.stringify({ name: 'backend-two', type: 'module', main: 'index.js', freebind: manifest }),
    );
    writeFileSync(
      join(home, 'index.js'),
      `const manifest = ${JSON.stringify(manifest)};
      const start = (id, options) => async () => { throw new Error(id + ' was started with ' + JSON.stringify(options)); };
      const load = (options) => ({ bind }) => {
        for (const id of manifest.backends)
          bind(Symbol.for('@freebind/Backend')).toConstantValue(start(id, options)).whenNamed(id);
      };
      export default Object.assign((options) => ({ manifest, load: load(options) }), { manifest });`,
    );
    const { stderr } = await freebind([...EVALUATION, '--backend', 'fast', '--threads', '2'], { cwd: dir });
    expect(stderr).toContain('fast was started with {"threads":2}');
  });

  test('comes before the environment, which comes before the config', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'freebind.config.json'), '{ "backend": "abacus" }');
    const wanted = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> => {
      const outcome = await freebind([...EVALUATION, ...args], { cwd: dir, env });
      return /npm i (\S+)/.exec(outcome.stderr)?.[1] ?? outcome.stderr;
    };
    expect(await wanted([], { FREEBIND_BACKEND: '' })).toBe('@freebind/backend-abacus');
    expect(await wanted([], { FREEBIND_BACKEND: 'sliderule' })).toBe('@freebind/backend-sliderule');
    expect(await wanted(['--backend', 'mine'], { FREEBIND_BACKEND: 'sliderule' })).toBe('@freebind/backend-mine');
  });
});

describe('conform', () => {
  test('prints the table of a plugin that conforms', async () => {
    const { status, stdout } = await freebind(['conform', 'reference']);
    expect(stdout).toMatch(/\d+ passed, \d+ skipped, 0 failed/);
    expect(stdout).toContain('its manifest');
    expect(status).toBe(0);
  });

  test('fails for a plugin that does not', async () => {
    const dir = join(scratch(), 'liar');
    mkdirSync(dir);
    const freebindField = { apiVersion: 1, package: 'liar', backends: ['liar'] };
    writeFileSync(
      join(dir, 'package.json'),
      JSON.stringify({ name: 'liar', type: 'module', main: 'index.js', freebind: freebindField }),
    );
    const manifest = JSON.stringify(freebindField);
    writeFileSync(
      join(dir, 'index.js'),
      `export default Object.assign(() => ({ manifest: ${manifest}, load() {} }), { manifest: ${manifest} });`,
    );
    const outcome = await freebind(['conform', dir, '--json']);
    expect(outcome.status).toBe(1);
    expect(documentOf(outcome)).toMatchObject({ package: 'liar', failed: expect.any(Number) });
    expect(outcome.stdout).toContain('"status":"fail"');
  });
});

describe('doctor', () => {
  test('tells node, plugins and a backend with its measured rates, by which auto then goes', async () => {
    const [cwd, env] = [scratch(), { XDG_CACHE_HOME: scratch() }];
    const outcome = await freebind(['doctor', '--json'], { cwd, env });
    expect(outcome.status).toBe(0);
    expect(documentOf(outcome)).toMatchObject({
      node: { version: process.versions.node, ok: true },
      plugins: expect.arrayContaining([
        expect.objectContaining({
          package: '@freebind/backend-reference',
          apiVersion: 1,
          brings: ['backend reference'],
        }),
      ]),
      backends: expect.arrayContaining([
        expect.objectContaining({
          backend: 'reference',
          manifest: expect.objectContaining({ training: true, device: 'cpu, 1 thread' }),
          rates: { matrix: expect.any(Number), step: expect.any(Number) },
        }),
      ]),
    });
    const { status, stderr } = await freebind([...EVALUATION, '--backend', 'auto'], { cwd, env });
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^backend auto is .+ GFLOP\/s on FreeBind's training step, against .+ \(measured earlier\)$/m,
    );
  });

  test('tells what is missing with the line that mends it, and does not fail', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'freebind.config.json'), '{ "plugins": ["freebind-nowhere"] }');
    const { status, stdout } = await freebind(['doctor', '--no-measure'], { cwd: dir });
    expect(status).toBe(0);
    expect(stdout).toMatch(/missing +Plugin "freebind-nowhere" is not installed/);
    expect(stdout).toContain('mend it: npm i freebind-nowhere');
  });

  test("tells of each space which model files are there, where the config puts them, and what mends what isn't", async () => {
    const [dir, root] = [scratch(), scratch()];
    const files = ['vision.onnx', 'text.onnx', 'tokenizer.json'];
    const text = { graph: 'text.onnx', tokenizer: 'tokenizer.json', length: 77, output: 'out' };
    const image = { graph: 'vision.onnx', prepare: 'clip-224', output: 'out' };
    const described = { dimension: 4, modalities: { image, text } };
    const plugins = [
      ['@freebind/space-onnx', { id: 'mine', ...described, models: 'here' }],
      ['@freebind/space-onnx', { id: 'other', ...described }],
    ];
    writeFileSync(join(dir, 'freebind.config.json'), JSON.stringify({ plugins }));
    mkdirSync(join(dir, 'here'));
    for (const name of files) writeFileSync(join(dir, 'here', name), '');
    const clap = join(root, 'clap/general');
    mkdirSync(clap, { recursive: true });
    writeFileSync(join(clap, 'vocab.json'), 'of another size');
    const { stdout } = await freebind(['doctor', '--no-measure'], {
      cwd: dir,
      env: { FREEBIND_MODELS: root, HF_HOME: join(root, 'hf') },
    });
    expect(stdout).toContain('ok       space mine (onnx/mine): all 3 files');
    expect(stdout).toContain(
      `missing  space other (onnx/other): 3 of 3 files are missing: ${files.join(', ')}\n         mend it: export ${files.join(', ')} into ${root}/onnx/other (docs/models.md)`,
    );
    expect(stdout).toMatch(
      /space clap-general \(clap\/general\): 3 of 4 files are missing: clap_audio.onnx, clap_text.onnx, merges.txt; of another size than they should be: vocab.json\n +mend it: freebind models pull clap\/general, and export clap_audio.onnx, clap_text.onnx into/,
    );
  });

  test('looks into a folder for the space that the config says it is for, and for the others where models usually are', async () => {
    const [dir, root] = [scratch(), scratch()];
    const plugins = [['@freebind/space-clap', { space: 'clap-music', models: 'here' }]];
    writeFileSync(join(dir, 'freebind.config.json'), JSON.stringify({ plugins }));
    mkdirSync(join(dir, 'here'));
    for (const name of ['clap_audio.onnx', 'clap_text.onnx']) writeFileSync(join(dir, 'here', name), '');
    const env = { FREEBIND_MODELS: root, HF_HOME: join(root, 'hf') };
    const { models } = documentOf(await freebind(['doctor', '--no-measure', '--json'], { cwd: dir, env })) as {
      readonly models: readonly { readonly space: string; readonly missing: readonly string[] }[];
    };
    const missing = Object.fromEntries(models.map((one) => [one.space, one.missing]));
    const vocabulary = ['vocab.json', 'merges.txt'];
    expect(missing['clap-music']).toEqual(vocabulary);
    expect(missing['clap-general']).toEqual(['clap_audio.onnx', 'clap_text.onnx', ...vocabulary]);
  });

  test('tells a config that is wrong, and does not fail', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'freebind.config.json'), '{ "bakend": "onnx" }');
    const { status, stdout } = await freebind(['doctor', '--no-measure'], { cwd: dir });
    expect(status).toBe(0);
    expect(stdout).toContain('did you mean "backend"?');
  });
});
