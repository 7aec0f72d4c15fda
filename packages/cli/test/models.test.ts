import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findModel, readModelManifest } from '@freebind/models';
import { describe, expect, test } from 'vitest';
import { serve } from '../../models/test/file-server.ts';
import { type CheckOptions, checkPath } from '../src/check-graphs.ts';
import { documentOf, freebind, type Outcome, type RunOptions, scratch } from './freebind.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../fixtures/golden/${path}`, import.meta.url));
const TOKENIZER = readFileSync(golden('vocab/internvl-llama/tokenizer.model'));
const GRAPH = Uint8Array.from({ length: 200_000 }, (_, i) => i * 31);
const GRAPHS = ['vision', 'text'].flatMap((part) => ['onnx', 'onnx_data'].map((end) => `internvl_c_${part}.${end}`));

/** All files of internvl/c-14b-224, as a mirror has them. */
function mirrored(pauseMs?: number): Record<string, { bytes: Uint8Array; etag: string; pauseMs?: number }> {
  const all = [...GRAPHS.map((name) => [name, GRAPH] as const), ['tokenizer.model', TOKENIZER] as const];
  return Object.fromEntries(
    all.map(([name, bytes]) => [
      `/internvl/c-14b-224/${name}`,
      { bytes, etag: `"${name}"`, ...(pauseMs !== undefined && { pauseMs }) },
    ]),
  );
}

/** Runs `freebind models …` with folders of its own. */
function models(
  root: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: RunOptions = {},
): Promise<Outcome> {
  const own = { FREEBIND_MODELS: root, HF_HOME: join(root, 'hf'), HF_TOKEN: '', FREEBIND_MODELS_URL: '', ...env };
  return freebind(['models', ...args], { ...options, env: own });
}

describe('models pull', () => {
  test('two processes at once fetch each file once', async () => {
    const server = await serve(mirrored(20));
    const root = scratch();
    const pull = () => models(root, ['pull', 'internvl', '--json'], { FREEBIND_MODELS_URL: server.url });
    const both = await Promise.all([pull(), pull()]);
    for (const outcome of both) {
      expect(outcome).toMatchObject({ status: 0 });
      expect(documentOf(outcome)).toMatchObject({ complete: true });
    }
    expect(server.asked.map(({ path }) => path).sort()).toEqual(Object.keys(server.files).sort());
    for (const name of GRAPHS) expect(readFileSync(join(root, 'internvl/c-14b-224', name)).equals(GRAPH)).toBe(true);
  });

  test('killed in the middle, goes on where it was', async () => {
    const server = await serve(mirrored(30));
    const root = scratch();
    const part = join(root, 'internvl/c-14b-224/internvl_c_vision.onnx.part');
    const args = ['pull', 'internvl', '--from', server.url];
    const timer = setInterval(() => {
      if (existsSync(part) && statSync(part).size > 50_000) kill?.('SIGKILL');
    }, 5);
    let kill: ((signal: NodeJS.Signals) => void) | undefined;
    const first = await models(root, args, {}, { onStart: (stop) => (kill = stop) });
    clearInterval(timer);
    expect(first.status).toBeNull();
    const came = statSync(part).size;
    const second = await models(root, args);
    expect(second.status).toBe(0);
    expect(server.asked[1]?.headers).toMatchObject({
      range: `bytes=${came}-`,
      'if-range': '"internvl_c_vision.onnx"',
    });
    expect(readFileSync(join(root, 'internvl/c-14b-224/internvl_c_vision.onnx')).equals(GRAPH)).toBe(true);
    expect((await models(root, ['verify', 'internvl'])).status).toBe(0);
  });

  test('refuses a non-commercial licence where nobody can be asked, and takes the option for a yes', async () => {
    const root = scratch();
    const refused = await models(root, ['pull', 'imagebind']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^error FREEBIND_LICENCE_NOT_ACCEPTED: .*CC-BY-NC-SA-4\.0/);
    // A folder with the vocabulary only: what has to be exported is missing from it, and named.
    const args = ['pull', 'imagebind', '--accept-licence', '--from', golden('vocab/clip-bpe')];
    const pulled = await models(root, args);
    expect([pulled.status, pulled.stdout]).toEqual([1, expect.stringMatching(/bpe_simple_vocab.*: fetched/)]);
    expect(pulled.stderr).toMatch(/^Export these yourself.*\n.*imagebind_vision\.onnx\n/);
  });

  test('tells what has to be exported, and is then not done', async () => {
    const root = scratch();
    const hub = join(root, 'hf/hub/models--OpenGVLab--InternVL-14B-224px');
    const commit = 'a'.repeat(40);
    mkdirSync(join(hub, 'snapshots', commit), { recursive: true });
    mkdirSync(join(hub, 'refs'));
    writeFileSync(join(hub, 'refs/main'), commit);
    symlinkSync(golden('vocab/internvl-llama/tokenizer.model'), join(hub, 'snapshots', commit, 'tokenizer.model'));
    const { status, stdout, stderr } = await models(root, ['pull', 'internvl']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/tokenizer\.model: is in Hugging Face's cache/);
    expect(stdout).toMatch(/internvl_c_vision\.onnx: has to be exported/);
    expect(stderr).toContain('docs/models.md');
  });
});

describe('models', () => {
  test('list tells every model with its licence and what is missing', async () => {
    const outcome = await models(scratch(), ['list', '--json']);
    expect(documentOf(outcome)).toMatchObject({
      models: [
        { model: 'imagebind/huge', licence: 'CC-BY-NC-SA-4.0', commercial: false },
        { model: 'imagebind/huge-ft' },
        { model: 'internvl/c-14b-224', files: expect.arrayContaining([expect.objectContaining({ place: 'missing' })]) },
        { model: 'clap/general' },
        { model: 'clap/music' },
        { model: 'clap/unfused' },
      ],
    });
  });

  test('path gives where a file belongs, and verify fails for what is missing', async () => {
    const root = scratch();
    const { status, stdout } = await models(root, ['path', 'clap-music', 'vocab.json']);
    // It shares the vocabulary with clap/general.
    expect([status, stdout]).toEqual([1, `${join(root, 'clap/general/vocab.json')}\n`]);
    const unknown = await models(root, ['path', 'clip']);
    expect(unknown.stderr).toMatch(/FREEBIND_ARGUMENT_INVALID: There is no model "clip".*clap\/music = clap-music/);
    const verified = await models(root, ['verify', 'clap-music', '--json']);
    expect(verified.status).toBe(1);
    expect(verified.stdout).toContain('"status":"missing"');
  });

  test('list, path and verify look where the config has the files, which counts from the config', async () => {
    const root = scratch();
    const graph = join(root, 'mine/clap_audio.onnx');
    mkdirSync(join(root, 'mine'));
    mkdirSync(join(root, 'below'));
    writeFileSync(graph, GRAPH);
    const plugins = [['@freebind/space-clap', { space: 'clap-music', models: 'mine' }]];
    writeFileSync(join(root, 'freebind.config.json'), JSON.stringify({ plugins }));
    const here = { cwd: join(root, 'below') };
    const path = await models(root, ['path', 'clap-music', 'clap_audio.onnx'], {}, here);
    expect([path.status, path.stdout]).toEqual([0, `${graph}\n`]);
    const verified = await models(root, ['verify', 'clap-music'], {}, here);
    expect(verified.stdout).toMatch(/mine\/clap_audio\.onnx: sha256 \w+; nothing to compare it with/);
    expect(documentOf(await models(root, ['list', '--json'], {}, here))).toMatchObject({
      models: expect.arrayContaining([
        expect.objectContaining({
          model: 'clap/music',
          files: expect.arrayContaining([expect.objectContaining({ path: graph, place: 'folder' })]),
        }),
        expect.objectContaining({
          model: 'clap/general',
          files: expect.arrayContaining([expect.objectContaining({ place: 'missing' })]),
        }),
      ]),
    });
  });

  test('forget lets a new export take the place of the old one', async () => {
    const root = scratch();
    const graph = join(root, 'clap/music/clap_audio.onnx');
    mkdirSync(join(root, 'clap/music'), { recursive: true });
    const verify = async () => (await models(root, ['verify', 'clap/music'])).stdout;
    writeFileSync(graph, GRAPH);
    expect(await verify()).toMatch(/clap_audio\.onnx: sha256 \w+ recorded/);
    writeFileSync(graph, GRAPH.toReversed());
    expect(await verify()).toContain('freebind models forget');
    expect((await models(root, ['forget', 'clap/music'])).stdout).toBe(`${graph}: forgotten\n`);
    expect(await verify()).toMatch(/clap_audio\.onnx: sha256 \w+ recorded/);
  });

  test('remove gives the room back, and leaves your own exports unless it is forced', async () => {
    const root = scratch();
    mkdirSync(join(root, 'clap/music'), { recursive: true });
    writeFileSync(join(root, 'clap/music/clap_audio.onnx'), GRAPH);
    const graph = join(root, 'clap/music/clap_audio.onnx');
    const kept = await models(root, ['remove', 'clap/music']);
    expect([kept.status, kept.stderr]).toEqual([0, expect.stringContaining(`(--force deletes them): ${graph}`)]);
    const outcome = await models(root, ['remove', 'clap/music', '--force', '--json']);
    expect(documentOf(outcome)).toMatchObject({ removed: [{ model: 'clap/music', bytes: GRAPH.length }] });
  });
});

describe('models check', () => {
  const lists = ['imagebind', 'internvl', 'clap'].map((space) =>
    readModelManifest(new URL(`../../space-${space}/models.json`, import.meta.url)),
  );
  const check = (file: string, space: string, options: CheckOptions = {}) =>
    checkPath(golden(`models/${file}`), findModel(lists, space), { threads: 1, ...options }, () => undefined);

  test.each([
    ['imagebind_vision.onnx', 'imagebind', 24],
    ['imagebind_audio.onnx', 'imagebind', 24],
    ['imagebind_text.onnx', 'imagebind', 24],
    ['internvl_c_vision.onnx', 'internvl', 24],
    ['internvl_c_text.onnx', 'internvl', 24],
    ['clap_text.onnx', 'clap-general', 16],
  ])('passes the golden %s', async (file, space, dimension) => {
    const [found] = await check(file, space, { dimension });
    expect(found?.findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(found).toMatchObject({ graph: file, ok: true });
    expect(found?.findings).toHaveLength(5);
  });

  test("holds graphs against the folder's own models.json, where it has one", async () => {
    const dir = scratch();
    const official = findModel(lists, 'internvl');
    const { 'internvl_c_text.onnx': graph } = official.about.graphs;
    const own = { ...official.about, graphs: { 'internvl_c_text.onnx': { ...graph, dimension: 24 } } };
    writeFileSync(join(dir, 'models.json'), JSON.stringify({ space: 'internvl', variants: { 'c-14b-224': own } }));
    symlinkSync(golden('models/internvl_c_text.onnx'), join(dir, 'internvl_c_text.onnx'));
    for (const path of [dir, join(dir, 'internvl_c_text.onnx')])
      expect(await checkPath(path, official, { threads: 1 }, () => undefined)).toMatchObject([{ ok: true }]);
    writeFileSync(join(dir, 'models.json'), '{}');
    await expect(checkPath(dir, official, {}, () => undefined)).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
    });
  });

  // These two were traced with two rows, and `window_reverse` of LAION's code (clap_module/htsat.py) keeps that number as a
  // constant: with two rows they are right, with any other number windows of different rows are mixed.
  test.each([
    ['clap_fused_audio.onnx', 'clap-general'],
    ['clap_unfused_audio.onnx', 'clap-music'],
  ])('finds the batch that is baked into the golden %s', async (file, space) => {
    const [found] = await check(file, space, { as: 'clap_audio.onnx', dimension: 16 });
    const failed = found?.findings.filter(({ ok }) => !ok);
    expect(failed).toMatchObject([{ requirement: expect.stringContaining('a row alone as in a batch') }]);
    expect(found?.ok).toBe(false);
  });

  test('fails graphs of another width or space, and files that are not there', async () => {
    const [wide] = await check('imagebind_text.onnx', 'imagebind');
    expect(wide?.findings.at(-1)?.found).toMatch(/\[batch, 24\], expected float32 \[rows, 1024\]/);
    const [other] = await check('clap_text.onnx', 'imagebind', { as: 'imagebind_text.onnx' });
    expect(other?.findings.at(-1)?.found).toMatch(/attention_mask/);
    const missing = await check('.', 'clap-music');
    expect(missing.map(({ ok }) => ok)).toEqual([false, false]);
    await expect(check('clap_fused_audio.onnx', 'clap-general')).rejects.toThrow(
      /--as clap_audio\.onnx or --as clap_text\.onnx/,
    );
  });

  test('is a command that fails where a graph does', async () => {
    const args = ['check', golden('models/imagebind_audio.onnx'), '--space', 'imagebind', '--json'];
    const good = await models(scratch(), [...args, '--dimension', '24']);
    expect(good.status).toBe(0);
    expect(documentOf(good)).toMatchObject({ model: 'imagebind/huge', ok: true });
    expect((await models(scratch(), args)).status).toBe(1);
  });
});
