import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  findModel,
  forgetModel,
  type Model,
  parseModelManifest,
  pullModel,
  type PullOptions,
  removeModel,
  stateOf,
  verifyModel,
} from '@freebind/models';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serve, serveProxy } from './file-server.ts';

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const SHA = createHash('sha256').update(BYTES).digest('hex');
const OTHER = BYTES.map((x) => x ^ 1);

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-pull-'));
  onTestFinished(() => {
    chmodSync(dir, 0o700);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** A model of one file. */
function modelOf(file: object, about: object = {}): Model {
  const manifest = parseModelManifest(
    {
      space: 'test',
      variants: {
        base: {
          description: 'a test',
          licence: 'MIT',
          commercial: true,
          source: 'here',
          files: [{ path: 'a.onnx', size: BYTES.length, sha256: SHA, url: null, ...file }],
          graphs: {},
          ...about,
        },
      },
    },
    'the test',
  );
  return findModel([manifest], 'test/base');
}

/** Pulls into a fresh folder, or that of `env`. */
async function pull(model: Model, options: PullOptions = {}) {
  const env = { FREEBIND_MODELS: scratch(), HF_HOME: scratch(), ...options.env };
  const notes: string[] = [];
  const target = join(env.FREEBIND_MODELS, 'test/base/a.onnx');
  const pulled = pullModel(model, { waitMs: 1, ...options, env, onNote: (text) => notes.push(text) });
  return { env, target, notes, pulled };
}

/** A folder with an export. */
function exported(bytes: Uint8Array = BYTES): string {
  const folder = scratch();
  writeFileSync(join(folder, 'a.onnx'), bytes);
  return folder;
}

describe('a pull', () => {
  test.each([64, 128, 250])('is not disturbed by a server that ends the connection behind %i KiB', async (size) => {
    const bytes = BYTES.subarray(0, size * 1024);
    const server = await serve({ '/a': { bytes, closes: true } });
    for (let i = 0; i < 5; i++) {
      const { target, pulled } = await pull(modelOf({ url: `${server.url}/a`, size: bytes.length, sha256: null }));
      expect(await pulled).toMatchObject([{ status: 'fetched' }]);
      expect(readFileSync(target).equals(bytes)).toBe(true);
    }
  });

  test('fetches, verifies and records, and does it once', async () => {
    const server = await serve({ '/a': { bytes: BYTES, etag: '"v1"' } });
    const model = modelOf({ url: `${server.url}/a` });
    const { target, pulled, env } = await pull(model);
    expect(await pulled).toEqual([{ file: 'a.onnx', path: target, status: 'fetched', sha256: SHA, firstUse: false }]);
    expect(readFileSync(target).equals(BYTES)).toBe(true);
    expect(await pullModel(model, { env })).toMatchObject([{ status: 'there' }]);
    expect(server.asked).toHaveLength(1);
    expect(existsSync(`${target}.part`) || existsSync(`${target}.part.json`)).toBe(false);
  });

  test('goes on where a connection was cut, with If-Range', async () => {
    const server = await serve({ '/a': { bytes: BYTES, etag: '"v1"', cuts: 2 } });
    const { target, pulled, notes } = await pull(modelOf({ url: `${server.url}/a` }));
    await pulled;
    expect(readFileSync(target).equals(BYTES)).toBe(true);
    const [first, ...later] = server.asked.map(({ headers }) => headers);
    expect(first?.range).toBeUndefined();
    expect(later.map((headers) => headers['if-range'])).toEqual(['"v1"', '"v1"']);
    const starts = later.map(({ range = '' }) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]));
    expect(starts[0]).toBeGreaterThan(0);
    // Of a connection that is cut, what was not read yet may be lost.
    expect(starts[1]).toBeGreaterThanOrEqual(starts[0] ?? Number.NaN);
    expect(notes).toHaveLength(2);
  });

  test('begins anew when the file has changed meanwhile', async () => {
    const server = await serve({ '/a': { bytes: OTHER, etag: '"v1"', cuts: 1 } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a` }), { tries: 1 });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_DOWNLOAD_FAILED' });
    server.files['/a'] = { bytes: BYTES, etag: '"v2"' };
    await pullModel(modelOf({ url: `${server.url}/a` }), {
      env: { FREEBIND_MODELS: dirname(dirname(dirname(target))) },
    });
    expect(server.asked[1]?.headers['if-range']).toBe('"v1"');
    expect(readFileSync(target).equals(BYTES)).toBe(true);
  });

  test('begins anew where a server ignores Range', async () => {
    const server = await serve({ '/a': { bytes: BYTES, etag: '"v1"', cuts: 1, ignoresRange: true } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a` }));
    await pulled;
    expect(server.asked[1]?.headers.range).toBe('bytes=150000-');
    expect(readFileSync(target).equals(BYTES)).toBe(true);
  });

  test('begins anew without asking for a part that nothing could prove', async () => {
    // No validator from the server, no checksum in the manifest.
    const server = await serve({ '/a': { bytes: BYTES, cuts: 1 } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a`, sha256: null }));
    await pulled;
    expect(server.asked[1]?.headers.range).toBeUndefined();
    expect(readFileSync(target).equals(BYTES)).toBe(true);
  });

  test('gives up after some tries and keeps what came', async () => {
    const server = await serve({ '/a': { status: 503 } });
    const { pulled } = await pull(modelOf({ url: `${server.url}/a` }), { tries: 3 });
    await expect(pulled).rejects.toThrow(/answered 503.*Without a network, copy .*a\.onnx.*--from DIR/s);
    expect(server.asked).toHaveLength(3);
  });

  test('refuses other bytes of the same length, and keeps nothing', async () => {
    const server = await serve({ '/a': { bytes: OTHER } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a` }));
    await expect(pulled).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringContaining(SHA),
    });
    expect(existsSync(target) || existsSync(`${target}.part`)).toBe(false);
  });

  test('refuses a page in place of a file', async () => {
    const bytes = Buffer.from('<html>Log in</html>');
    const server = await serve({ '/a': { bytes, headers: { 'content-type': 'text/html; charset=utf-8' } } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a`, size: null, sha256: null }));
    await expect(pulled).rejects.toMatchObject({
      code: 'FREEBIND_DOWNLOAD_FAILED',
      message: expect.stringContaining('page'),
    });
    expect(existsSync(target)).toBe(false);
  });

  test('refuses a file of another size before it comes', async () => {
    const server = await serve({ '/a': { bytes: BYTES.subarray(1) } });
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a` }));
    await expect(pulled).rejects.toThrow(/is 299999 bytes, expected 300000/);
    expect(existsSync(`${target}.part`)).toBe(false);
  });

  test.each([
    ['FREEBIND_DOWNLOAD_FAILED', 401, /Set HF_TOKEN/],
    ['FREEBIND_DOWNLOAD_FAILED', 403, /Ask for access/],
    ['FREEBIND_FILE_MISSING', 404, /no such file/],
  ])('is %s with what %i means, and not tried again', async (code, status, words) => {
    const server = await serve({ '/a': { status } });
    const { pulled } = await pull(modelOf({ url: `${server.url}/a` }));
    await expect(pulled).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });
    expect(server.asked).toHaveLength(1);
  });

  test('says where to put the files when nobody can be reached', async () => {
    const { target, pulled } = await pull(modelOf({ url: 'http://127.0.0.1:9/a' }));
    await expect(pulled).rejects.toThrow(`copy http://127.0.0.1:9/a to ${target}`);
  });

  test('names a folder that cannot be written', async () => {
    const server = await serve({ '/a': { bytes: BYTES } });
    const file = join(scratch(), 'file');
    writeFileSync(file, '');
    const { pulled } = await pull(modelOf({ url: `${server.url}/a` }), { env: { FREEBIND_MODELS: file } });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_WRITE_FAILED' });
  });

  test('stops when it is told to, and keeps what came', async () => {
    const server = await serve({ '/a': { bytes: BYTES, etag: '"v1"', pauseMs: 20 } });
    const stop = new AbortController();
    const { target, pulled } = await pull(modelOf({ url: `${server.url}/a` }), {
      signal: stop.signal,
      onBytes: (_, done) => done > 50_000 && stop.abort(),
    });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
    expect(readFileSync(`${target}.part`).length).toBeGreaterThan(50_000);
  });
});

describe('a first pull of a file whose checksum nobody knows', () => {
  test('records it and says so; verify then sees a change', async () => {
    const server = await serve({ '/a': { bytes: BYTES } });
    const model = modelOf({ url: `${server.url}/a`, size: null, sha256: null });
    const { target, pulled, env } = await pull(model);
    expect(await pulled).toMatchObject([{ sha256: SHA, firstUse: true }]);
    expect(await verifyModel(model, { env })).toMatchObject([{ status: 'same', by: 'record' }]);
    writeFileSync(target, OTHER);
    expect(await verifyModel(model, { env })).toMatchObject([{ status: 'differs', expected: SHA, by: 'record' }]);
  });

  test('is what later pulls hold the file to: one that was damaged is fetched anew, and never recorded', async () => {
    const server = await serve({ '/a': { bytes: BYTES } });
    const model = modelOf({ url: `${server.url}/a`, size: null, sha256: null });
    const { target, pulled, env } = await pull(model);
    await pulled;
    appendFileSync(target, 'x');
    const again = await pull(model, { env });
    expect(await again.pulled).toMatchObject([{ status: 'fetched', sha256: SHA, firstUse: false }]);
    expect(again.notes).toEqual([expect.stringContaining('is not what was recorded when it came')]);
    appendFileSync(target, 'x');
    server.files['/a'] = { bytes: OTHER };
    await expect((await pull(model, { env })).pulled).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(await verifyModel(model, { env })).toMatchObject([{ status: 'differs', expected: SHA, by: 'record' }]);
  });

  test('that is an export refuses another one until the old one is forgotten', async () => {
    const model = modelOf({ size: null, sha256: null });
    const env = { FREEBIND_MODELS: scratch() };
    const target = join(env.FREEBIND_MODELS, 'test/base/a.onnx');
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, BYTES);
    expect(await pullModel(model, { env })).toMatchObject([{ status: 'there', firstUse: true }]);
    appendFileSync(target, 'x');
    await expect(pullModel(model, { env })).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringContaining('freebind models forget test/base'),
    });
    writeFileSync(target, OTHER);
    expect(await forgetModel(model, env)).toEqual([target]);
    expect(await forgetModel(model, env)).toEqual([]);
    expect(readFileSync(target).equals(OTHER)).toBe(true);
    expect(await pullModel(model, { env })).toMatchObject([{ status: 'there', firstUse: true }]);
  });

  test('takes a new export out of the folder that is named, and says what it takes the place of', async () => {
    const model = modelOf({ size: null, sha256: null });
    const { pulled, target, env } = await pull(model, { from: exported() });
    await pulled;
    const from = exported(OTHER);
    const again = await pull(model, { env, from });
    expect(await again.pulled).toMatchObject([{ status: 'fetched', firstUse: true }]);
    expect(readFileSync(target).equals(OTHER)).toBe(true);
    expect(again.notes).toEqual([
      `${target} is not what ${join(from, 'a.onnx')} is (sha256 ${SHA}); it is fetched anew`,
    ]);
    expect(await (await pull(model, { env, from })).pulled).toMatchObject([{ status: 'there' }]);
    // A folder without it, or one that was not named for this pull, changes nothing.
    for (const options of [{ env, from: scratch() }, { env: { ...env, FREEBIND_MODELS_URL: exported() } }])
      expect(await (await pull(model, options)).pulled).toMatchObject([{ status: 'there' }]);
    expect(readFileSync(target).equals(OTHER)).toBe(true);
  });

  test("takes the hub's own checksum where it states one", async () => {
    const server = await serve({
      '/org/name/resolve/main/a': { bytes: OTHER, headers: { 'x-linked-etag': `"${SHA}"` } },
    });
    const model = modelOf({
      url: 'https://huggingface.co/x',
      sha256: null,
      huggingFace: { repo: 'org/name', revision: 'main', file: 'a' },
    });
    const { pulled } = await pull(model, { env: { HF_ENDPOINT: server.url } });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  });
});

describe('HF_TOKEN', () => {
  const ON_HUB = { url: 'https://huggingface.co/x', huggingFace: { repo: 'org/name', revision: 'main', file: 'a' } };
  const AT = '/org/name/resolve/main/a';

  test('goes to the hub and not across a redirect to another host', async () => {
    const store = await serve({ '/blob': { bytes: BYTES } });
    const hub = await serve({
      [AT]: { status: 302, headers: { location: '/moved' } },
      '/moved': { status: 307, headers: { location: `${store.url}/blob?signature=secret` } },
    });
    const { target, pulled } = await pull(modelOf(ON_HUB), { env: { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secret' } });
    await pulled;
    expect(hub.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer hf_secret', 'Bearer hf_secret']);
    expect(store.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(readFileSync(target).equals(BYTES)).toBe(true);
    const record = readFileSync(join(dirname(target), '.freebind-models.json'), 'utf8');
    expect(record).not.toMatch(/secret/);
  });

  test('is in no error, and not sent to a mirror or to a file that is not on the hub', async () => {
    const server = await serve({ '/mirror/test/base/a.onnx': { status: 403 }, '/plain': { status: 403 } });
    for (const [file, from] of [
      [ON_HUB, `${server.url}/mirror`],
      [{ url: `${server.url}/plain` }, undefined],
    ] as const) {
      const { pulled } = await pull(modelOf(file), { from, env: { HF_TOKEN: 'hf_secret' } });
      const error: unknown = await pulled.catch((reason: unknown) => reason);
      expect(String(error)).toMatch(/403/);
      expect(String(error)).not.toContain('hf_secret');
    }
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });
});

describe('another way to the files', () => {
  test('is a mirror, FREEBIND_MODELS_URL', async () => {
    const server = await serve({ '/m/test/base/a.onnx': { bytes: BYTES } });
    // A mirror also has what everyone else has to export.
    const { target, pulled } = await pull(modelOf({}), { env: { FREEBIND_MODELS_URL: `${server.url}/m/` } });
    expect(await pulled).toMatchObject([{ status: 'fetched' }]);
    expect(readFileSync(target).equals(BYTES)).toBe(true);
  });

  test('need not have exports nor all files: what is there is taken, and what is not is named', async () => {
    const server = await serve({ '/test/base/b.json': { bytes: BYTES } });
    const folder = scratch();
    mkdirSync(join(folder, 'test/base'), { recursive: true });
    writeFileSync(join(folder, 'test/base/b.json'), BYTES);
    const known = { size: null, sha256: null };
    const json = { path: 'b.json', ...known, url: 'https://example.org/b.json' };
    const fetched = modelOf({}, { files: [{ path: 'a.onnx', ...known, url: null }, json] });
    const missing = modelOf({}, { files: [{ path: 'a.onnx', ...known, url: 'https://example.org/a' }, json] });
    for (const from of [server.url, folder]) {
      expect(await (await pull(fetched, { from })).pulled).toMatchObject([{ status: 'export' }, { status: 'fetched' }]);
      const { target, pulled } = await pull(missing, { from });
      await expect(pulled).rejects.toMatchObject({
        code: 'FREEBIND_FILE_MISSING',
        message: expect.stringContaining('test/base/a.onnx'),
      });
      expect(existsSync(join(dirname(target), 'b.json'))).toBe(true);
    }
  });

  test('is a folder, flat or as a mirror has it', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'test/base'), { recursive: true });
    for (const place of ['a.onnx', 'test/base/a.onnx']) {
      writeFileSync(join(folder, place), BYTES);
      for (const from of [folder, `file://${folder}`])
        expect(await (await pull(modelOf({}), { from })).pulled).toMatchObject([{ status: 'fetched', sha256: SHA }]);
      rmSync(join(folder, place));
    }
    expect(await (await pull(modelOf({}), { from: folder })).pulled).toMatchObject([{ status: 'export' }]);
    writeFileSync(join(folder, 'a.onnx'), OTHER);
    const damaged = await pull(modelOf({}), { from: folder });
    await expect(damaged.pulled).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(existsSync(damaged.target)).toBe(false);
  });

  test('is no flat folder for files that two variants have by one name, but for those that a checksum tells apart', async () => {
    const shared = { path: 'vocab.json', size: null, sha256: null, url: null };
    const graph = { ...shared, path: 'a.onnx' };
    const about = { description: 'a test', licence: 'MIT', commercial: true, source: 'here', graphs: {} };
    const manifest = parseModelManifest(
      {
        space: 'test',
        variants: {
          base: { ...about, files: [graph, shared] },
          other: { ...about, files: [graph, { ...shared, of: 'base' }] },
          known: { ...about, files: [{ ...graph, sha256: SHA }] },
        },
      },
      'the test',
    );
    const folder = scratch();
    for (const name of ['a.onnx', 'vocab.json']) writeFileSync(join(folder, name), BYTES);
    const pullOf = async (name: string) => (await pull(findModel([manifest], name), { from: folder })).pulled;
    for (const name of ['test/base', 'test/other'])
      await expect(pullOf(name)).rejects.toMatchObject({
        code: 'FREEBIND_ARGUMENT_INVALID',
        message: expect.stringContaining(join(folder, 'test/other/a.onnx')),
      });
    expect(await pullOf('test/known')).toMatchObject([{ status: 'fetched', sha256: SHA }]);
    mkdirSync(join(folder, 'test/other'), { recursive: true });
    writeFileSync(join(folder, 'test/other/a.onnx'), OTHER);
    expect(await pullOf('test/other')).toMatchObject([
      { file: 'a.onnx', sha256: createHash('sha256').update(OTHER).digest('hex') },
      { file: 'vocab.json', sha256: SHA },
    ]);
  });

  test('is refused as anything else', async () => {
    const { pulled } = await pull(modelOf({}), { from: 'ftp://example.org/models' });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
  });
});

describe('a proxy', () => {
  test('is asked for a file in the clear by its whole address, goes on where it was cut, and is left out for hosts in NO_PROXY', async () => {
    const server = await serve({ '/a': { bytes: BYTES, etag: '"v1"', cuts: 1 } });
    const proxy = await serveProxy({ login: 'me:a secret' });
    const model = modelOf({ url: `${server.url}/a?x=1` });
    const HTTP_PROXY = proxy.url.replace('://', '://me:a%20secret@');
    const { pulled, target } = await pull(model, { env: { HTTP_PROXY } });
    await pulled;
    expect(readFileSync(target).equals(BYTES)).toBe(true);
    expect(proxy.asked).toEqual([`GET ${server.url}/a?x=1`, `GET ${server.url}/a?x=1`]);
    // The login is the proxy's own.
    expect(server.asked.map(({ headers }) => headers['proxy-authorization'])).toEqual([undefined, undefined]);
    await (
      await pull(model, { env: { HTTP_PROXY, NO_PROXY: '127.0.0.1' } })
    ).pulled;
    expect(proxy.asked).toHaveLength(2);
  });

  test('tunnels to what is https, and TLS is spoken with the host itself', async () => {
    const first: number[] = [];
    const host = createServer((socket) => {
      socket.on('data', ([byte = -1]) => {
        first.push(byte);
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void host.close());
    const { port } = host.address() as AddressInfo; // it listens on a port
    const proxy = await serveProxy({ tunnelsTo: [port] });
    const model = modelOf({ url: `https://localhost:${port}/a` });
    const { pulled } = await pull(model, { tries: 1, env: { HTTPS_PROXY: proxy.url } });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_DOWNLOAD_FAILED' });
    expect(proxy.asked).toEqual([`CONNECT localhost:${port}`]);
    expect(first).toEqual([0x16]); // a handshake: RFC 8446, 5.1
  });

  test.each([
    [
      'https',
      {},
      /proxy 127\.0\.0\.1:\d+ answered 403 and does not let this machine get at example\.org:8443.*NO_PROXY/,
    ],
    ['https', { login: 'a:b' }, /answered 407: it wants a login\. Set HTTPS_PROXY to http:\/\/USER:PASSWORD@127/],
    ['http', { login: 'a:b' }, /answered 407: it wants a login\. Set HTTP_PROXY to http:\/\/USER:PASSWORD@127/],
    ['http', { status: 403 }, /403 came through the proxy 127\.0\.0\.1:\d+, which does not let this machine get at/],
  ])('that refuses %s (%o) is named with what to do, and not asked again', async (scheme, manner, message) => {
    const proxy = await serveProxy(manner);
    const model = modelOf({ url: `${scheme}://example.org:8443/a` });
    const { pulled } = await pull(model, { env: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url } });
    await expect(pulled).rejects.toMatchObject({
      code: 'FREEBIND_DOWNLOAD_FAILED',
      message: expect.stringMatching(message),
    });
    expect(proxy.asked).toHaveLength(1);
  });

  test.each(['https', 'http'])('that is busy is asked again for what is %s', async (scheme) => {
    const proxy = await serveProxy({ status: 503 });
    const model = modelOf({ url: `${scheme}://example.org/a` });
    const { pulled } = await pull(model, { tries: 3, env: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url } });
    await expect(pulled).rejects.toMatchObject({ code: 'FREEBIND_DOWNLOAD_FAILED' });
    expect(proxy.asked).toHaveLength(3);
  });
});

describe("Hugging Face's cache", () => {
  const COMMIT = 'c'.repeat(40);
  const ON_HUB = {
    url: 'https://huggingface.co/x',
    huggingFace: { repo: 'org/name', revision: 'main', file: 'onnx/a' },
  };

  /** The layout that huggingface_hub writes: a snapshot links to a blob that is named by its ETag. */
  function hubWith(bytes: Uint8Array, ref = COMMIT): string {
    const home = scratch();
    const repo = join(home, 'hub/models--org--name');
    for (const dir of ['blobs', 'refs', `snapshots/${COMMIT}/onnx`]) mkdirSync(join(repo, dir), { recursive: true });
    const etag = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(repo, 'blobs', etag), bytes);
    writeFileSync(join(repo, 'refs/main'), ref);
    symlinkSync(`../../../blobs/${etag}`, join(repo, `snapshots/${COMMIT}/onnx/a`));
    return home;
  }

  test('is used as it is, without a network', async () => {
    const env = { HF_HOME: hubWith(BYTES), FREEBIND_MODELS: scratch() };
    const model = modelOf(ON_HUB);
    expect(await pullModel(model, { env })).toMatchObject([
      { status: 'hub', path: join(env.HF_HOME, `hub/models--org--name/snapshots/${COMMIT}/onnx/a`) },
    ]);
    expect(await stateOf(model, { env })).toMatchObject([{ place: 'hub', size: BYTES.length }]);
    // Where the manifest knows no checksum, the blob's name is one.
    expect(await verifyModel(modelOf({ ...ON_HUB, sha256: null }), { env })).toMatchObject([
      { status: 'same', by: 'hub' },
    ]);
  });

  test('is not trusted with other bytes, nor with another commit', async () => {
    const server = await serve({ '/org/name/resolve/main/onnx/a': { bytes: BYTES } });
    for (const home of [hubWith(OTHER), hubWith(OTHER, 'd'.repeat(40))]) {
      const { pulled } = await pull(modelOf(ON_HUB), { env: { HF_HOME: home, HF_ENDPOINT: server.url } });
      expect(await pulled).toMatchObject([{ status: 'fetched' }]);
    }
  });
});

describe('a licence that forbids commercial use', () => {
  test('is asked for once, before anything is fetched', async () => {
    const server = await serve({ '/a': { bytes: BYTES } });
    const model = modelOf({ url: `${server.url}/a` }, { licence: 'CC-BY-NC-4.0', commercial: false });
    const env = { FREEBIND_MODELS: scratch(), HF_HOME: scratch() };
    await expect(pullModel(model, { env })).rejects.toMatchObject({ code: 'FREEBIND_LICENCE_NOT_ACCEPTED' });
    await expect(pullModel(model, { env, acceptLicence: () => false })).rejects.toThrow(
      /CC-BY-NC-4\.0.*--accept-licence/,
    );
    expect(server.asked).toEqual([]);
    const asked: string[] = [];
    await pullModel(model, { env, acceptLicence: (licence) => asked.push(licence) > 0 });
    await pullModel(model, { env });
    expect(asked).toEqual(['CC-BY-NC-4.0']);
  });
});

test('remove takes what the manifest names and nothing else', async () => {
  const server = await serve({ '/a': { bytes: BYTES } });
  const model = modelOf({ url: `${server.url}/a` });
  const { target, pulled, env } = await pull(model);
  await pulled;
  writeFileSync(join(dirname(target), 'mine.txt'), 'mine');
  expect(await removeModel(model, { env })).toEqual({ paths: [target], bytes: BYTES.length, kept: [] });
  expect(existsSync(target)).toBe(false);
  expect(existsSync(join(dirname(target), 'mine.txt'))).toBe(true);
  expect(await removeModel(model, { env })).toEqual({ paths: [], bytes: 0, kept: [] });
});

test('remove leaves exports, which nothing brings back, unless it is forced', async () => {
  const model = modelOf({});
  const { pulled, target, env } = await pull(model, { from: exported() });
  await pulled;
  expect(await removeModel(model, { env })).toEqual({ paths: [], bytes: 0, kept: [target] });
  writeFileSync(`${target}.part`, 'abc'); // of a copy that was stopped
  expect(await removeModel(model, { env })).toEqual({ paths: [`${target}.part`], bytes: 3, kept: [target] });
  expect([existsSync(target), existsSync(`${target}.part`)]).toEqual([true, false]);
  expect(await removeModel(model, { env, force: true })).toEqual({ paths: [target], bytes: BYTES.length, kept: [] });
  expect(existsSync(target)).toBe(false);
});

test('remove makes no folder for a model that was never pulled', async () => {
  const env = { FREEBIND_MODELS: join(scratch(), 'models') };
  expect(await removeModel(modelOf({}), { env })).toEqual({ paths: [], bytes: 0, kept: [] });
  expect(existsSync(env.FREEBIND_MODELS)).toBe(false);
});

describe('a manifest', () => {
  test.each(['../a', '/etc/a', 'a/../../b', 'C:\\a', 'a\\..\\b', './a', 'a//b', ''])('refuses the path %j', (path) => {
    expect(() => modelOf({ path })).toThrow(/relative path/);
    expect(() => modelOf({ huggingFace: { repo: 'a/b', revision: 'main', file: path } })).toThrow(/relative path/);
    expect(() => modelOf({ huggingFace: { repo: 'a/b', revision: path, file: 'a' } })).toThrow(/relative path/);
  });

  test.each(['file:///etc/passwd', 'javascript:1', 'x'])('refuses the address %j', (url) => {
    expect(() => modelOf({ url })).toThrow(/URL/i);
  });
});
