import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { decodeAudio, decodeImage, MediaReader, readAudio, readImage, readSource } from '../src/index.ts';
import { wavFile } from './wav-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-media-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function serve(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server that listens on a port has an address of this kind.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Answers as the handlers do, one after the other, and then with "abc". */
async function failing(...handlers: readonly RequestListener[]): Promise<{ address: string; asked: () => number }> {
  let asked = 0;
  const address = await serve((request, response) => {
    const handler = handlers[asked++];
    if (handler === undefined) response.end('abc');
    else handler(request, response);
  });
  return { address, asked: () => asked };
}
const busy =
  (status: number, wait?: string): RequestListener =>
  (_, response) =>
    void response.writeHead(status, wait === undefined ? {} : { 'retry-after': wait }).end('later');

async function* stream(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a');
  yield Buffer.from('bc');
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(30);
}

async function* stuck(): AsyncGenerator<Uint8Array> {
  await new Promise(() => undefined);
  yield Buffer.from('a');
}

describe('reads all bytes of', () => {
  test('a path, a file URL, bytes and a stream', async () => {
    const path = join(dir, 'a.bin');
    await writeFile(path, 'abc');
    for (const source of [path, pathToFileURL(path), Buffer.from('abc'), stream()])
      expect(Buffer.from(await readSource(source)).toString()).toBe('abc');
  });

  test('an address, as text or URL', async () => {
    const address = await serve((_, response) => response.end('abc'));
    expect(Buffer.from(await readSource(address)).toString()).toBe('abc');
    expect(Buffer.from(await readSource(new URL(address))).toString()).toBe('abc');
  });
});

describe('an address that fails', () => {
  test('for a while is tried again: a busy server after the time that it asks for, and connections that break', async () => {
    const { address, asked } = await failing(
      busy(429, '1'),
      busy(503, new Date(0).toUTCString()),
      (_, response) => void response.socket?.destroy(),
    );
    const before = performance.now();
    expect(Buffer.from(await readSource(address)).toString()).toBe('abc');
    expect(asked()).toBe(4);
    expect(performance.now() - before).toBeGreaterThan(1000);
    const cut = await failing((_, response) => {
      response.writeHead(200, { 'content-length': '3' }).write('a');
      setTimeout(() => response.socket?.destroy(), 20);
    });
    expect(Buffer.from(await readSource(cut.address)).toString()).toBe('abc');
  });

  test('for good is given up after four tries, or at once where the time does not last', async () => {
    const refused = { code: 'FREEBIND_FILE_MISSING' };
    const { address, asked } = await failing(...Array.from({ length: 9 }, () => busy(429, '0')));
    await expect(readSource(address)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('answered 429 Too Many Requests, asked 4 times. Try'),
    });
    expect(asked()).toBe(4);
    const patient = await failing(busy(503, '3600'));
    await expect(readSource(patient.address)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('asked once (it asks to wait 3600 s)'),
    });
    const absent = await failing(busy(404));
    await expect(readSource(absent.address)).rejects.toMatchObject(refused);
    expect([patient.asked(), absent.asked()]).toEqual([1, 1]);
  });
});

/** What TypeScript refuses and JavaScript gives all the same. */
const given = (value: unknown): Uint8Array => value as Uint8Array;

describe('refuses', () => {
  test.each([
    [new ArrayBuffer(3), 'an ArrayBuffer'],
    [new DataView(new ArrayBuffer(3)), 'a DataView'],
    [[1, 2], 'an Array'],
    [{}, 'an object'],
    [7, 'a number'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('%o as a source, a picture and a sound, saying what it is and what to give', async (value, kind) => {
    for (const refused of [readSource, readAudio, readImage, decodeAudio, decodeImage].map((read) =>
      read(given(value)),
    )) {
      const error: unknown = await refused.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
      expect(String(error)).toMatch(new RegExp(`is ${kind}, but .*bytes.* expected.*new Uint8Array\\(buffer\\)`));
    }
  });

  test('bytes that are empty, and a stream of anything else', async () => {
    await expect(readSource(new Uint8Array(0))).rejects.toThrow(/^What was given is empty, but .* leave it out\.$/);
    await expect(readSource('')).rejects.toThrow(/^The path "" could not be read/);
    const texts = Readable.from(['abc', 'd']);
    await expect(readSource(texts)).rejects.toThrow(/The stream gave a string, but bytes were expected/);
  });

  test('what is not there', async () => {
    await expect(readSource(join(dir, 'absent'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    await expect(readSource(dir)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    const address = await serve((_, response) => response.writeHead(404).end('no'));
    await expect(readSource(address)).rejects.toMatchObject({
      code: 'FREEBIND_FILE_MISSING',
      message: expect.stringContaining('answered 404'),
    });
    await expect(readSource('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });

  test('what is empty', async () => {
    await writeFile(join(dir, 'empty'), '');
    const address = await serve((_, response) => response.writeHead(204).end());
    for (const source of [join(dir, 'empty'), new Uint8Array(0), address])
      await expect(readSource(source)).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  });

  test('what is too large, whether it says so or not', async () => {
    await writeFile(join(dir, 'large'), Buffer.alloc(100));
    const honest = await serve((_, response) => response.end(Buffer.alloc(100)));
    const silent = await serve((_, response) => {
      response.write(Buffer.alloc(60));
      response.end(Buffer.alloc(60));
    });
    for (const source of [join(dir, 'large'), honest, silent, endless(), Buffer.alloc(100)])
      await expect(readSource(source, { maxBytes: 99 })).rejects.toMatchObject({
        code: 'FREEBIND_FILE_INVALID',
        message: expect.stringContaining('more than 99 bytes'),
      });
  });

  test('what never comes', async () => {
    const address = await serve((_, response) => void response.write('a'));
    for (const source of [address, stuck()])
      await expect(readSource(source, { timeoutMs: 50 })).rejects.toMatchObject({
        code: 'FREEBIND_FILE_INVALID',
        message: expect.stringContaining('within 50 ms'),
      });
  });

  test('with a time that is none', async () => {
    for (const timeoutMs of [0, -1, Number.NaN])
      await expect(readSource(join(dir, 'absent'), { timeoutMs })).rejects.toMatchObject({
        code: 'FREEBIND_ARGUMENT_INVALID',
        message: expect.stringContaining(`\`timeoutMs\` is ${timeoutMs}`),
      });
  });

  test('other schemes, also behind a redirection', async () => {
    await expect(readSource(new URL('ftp://127.0.0.1/a'))).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
    const address = await serve((_, response) => response.writeHead(302, { location: 'file:///etc/hostname' }).end());
    await expect(readSource(address)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });

  test('to go on when its signal says so', async () => {
    const address = await serve((_, response) => void response.write('a'));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await expect(readSource(address, { signal: controller.signal })).rejects.toMatchObject({
      code: 'FREEBIND_ABORTED',
    });
  });
});

test.each([2 ** 31, Number.POSITIVE_INFINITY])('waits within %f ms', async (timeoutMs) => {
  const address = await serve((_, response) => void setTimeout(() => response.end('a'), 50));
  expect(await readSource(address, { timeoutMs })).toEqual(Uint8Array.of(97));
});

test('leaves nothing of the files that were read with one signal', async () => {
  const path = join(dir, 'small');
  await writeFile(path, 'a');
  const { signal } = new AbortController();
  const readMany = async (): Promise<number> => {
    for (let i = 0; i < 2000; i++) await readSource(path, { signal });
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  await readMany();
  // A file that is remembered takes more than a kilobyte.
  const before = await readMany();
  expect((await readMany()) - before).toBeLessThan(2 ** 20);
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}

describe('a media reader', () => {
  test('reads many files with one signal without a warning of leaks', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    await writeFile(join(dir, 'a.wav'), wavFile([1]));
    const { signal } = new AbortController();
    const read = Array.from({ length: 12 }, () => readSource(join(dir, 'a.wav'), { signal }));
    expect(await Promise.all(read)).toHaveLength(12);
    expect(warnings).toEqual([]);
  });

  test('decodes sounds in threads, and leaves bytes that it was given to their owner', async () => {
    const reader = new MediaReader({ workers: 1 });
    onTestFinished(() => reader.close());
    const bytes = wavFile([1, 2, 3]);
    await writeFile(join(dir, 'a.wav'), bytes);
    for (const source of [bytes, join(dir, 'a.wav')]) {
      const { channels, sampleRate } = await reader.readAudio(source);
      expect([channels.map((channel) => [...channel]), sampleRate]).toEqual([
        [[1, 2, 3].map((x) => x / 32_768)],
        16_000,
      ]);
    }
    expect(bytes.length).toBe(50);
    await expect(reader.readAudio(Buffer.from('no sound'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    await reader.close();
    await expect(reader.readAudio(bytes)).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });
});
