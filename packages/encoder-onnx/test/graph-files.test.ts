import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type EncoderPlacement, type Feed, OnnxEncoder } from '../src/index.ts';
import { TINY, type TinyGraph, writeTinyGraph } from './tiny-graph.ts';

const dir = mkdtempSync(join(tmpdir(), 'freebind-graphs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const x: Feed = { type: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) };
const OUT = Float32Array.of(30, 60, 90);

function encoderOf(path: string, device: EncoderPlacement['device'] = 'cpu'): OnnxEncoder {
  const encoder = new OnnxEncoder({ path: async () => path, contract: TINY, threads: 1, device });
  onTestFinished(() => encoder.close());
  return encoder;
}

let graphs = 0;
const tiny = (like: TinyGraph = {}): OnnxEncoder => encoderOf(writeTinyGraph(dir, `${graphs++}.onnx`, like));

test('a graph whose weights lie beside it runs as one that holds them', async () => {
  expect((await tiny().run({ x })).data).toEqual(OUT);
  expect((await tiny({ external: 'beside.onnx_data' }).run({ x })).data).toEqual(OUT);
});

test('weights that are missing are named, and once they are there the same encoder runs', async () => {
  const encoder = tiny({ external: 'later.onnx_data' });
  const data = readFileSync(join(dir, 'later.onnx_data'));
  rmSync(join(dir, 'later.onnx_data'));
  await expect(encoder.run({ x })).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
    message: expect.stringMatching(/keeps its weights in another file that is not beside it.*later\.onnx_data/s),
  });
  expect(encoder.loaded).toBe(false);
  writeFileSync(join(dir, 'later.onnx_data'), data);
  expect((await encoder.run({ x })).data).toEqual(OUT);
});

test('weights that were cut short are refused as such', async () => {
  const encoder = tiny({ external: 'short.onnx_data' });
  truncateSync(join(dir, 'short.onnx_data'), 20);
  await expect(encoder.load()).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
    message: expect.stringContaining('cut short'),
  });
});

test.each(['cuda', 'webgpu'] as const)(
  'a %s device that is not there is told from a file that is damaged',
  async (device) => {
    const path = writeTinyGraph(dir, `${device}.onnx`);
    // Where there is such a device, nothing is refused.
    const refused = await encoderOf(path, device)
      .load()
      .then(
        () => [],
        (error: unknown) => [error],
      );
    const code = 'FREEBIND_DEVICE_UNAVAILABLE';
    expect(refused).toEqual(
      refused.map(() => expect.objectContaining({ code, message: expect.stringContaining('choose the device "cpu"') })),
    );
    truncateSync(path, 20);
    await expect(encoderOf(path, device).load()).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  },
);

describe('refuses a graph', () => {
  test.each<[string, TinyGraph, RegExp]>([
    ['whose input has another name', { input: 'y' }, /has no input "x", only y/],
    [
      'whose input has another width',
      { columns: 5 },
      /its input "x" is float32 \[rows, 5\], expected float32 \[rows, 4\]/,
    ],
    ['of another dimension', { dimension: 7 }, /its output "out" is float32 \[rows, 7\], expected float32 \[rows, 3\]/],
  ])('%s, saying what was found and what was expected', async (_, like, message) => {
    await expect(tiny(like).load()).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['that is empty', new Uint8Array(0)],
    ['that is text', Buffer.from('version https://git-lfs.github.com/spec/v1\n')],
    ['that was cut short', readFileSync(writeTinyGraph(dir, 'whole.onnx')).subarray(0, 60)],
  ])('%s', async (name, bytes) => {
    const path = join(dir, `${name}.onnx`);
    writeFileSync(path, bytes);
    await expect(encoderOf(path).load()).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringContaining(`${bytes.length} bytes`),
    });
  });

  test('that is not there, or is a folder', async () => {
    for (const path of [join(dir, 'none.onnx'), dir])
      await expect(encoderOf(path).load()).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });
});

// 16 TiB of float32 are more than any machine that runs this has.
const TOO_MANY = 2 ** 42;

test('a graph for which there is not enough memory says so when it is loaded', async () => {
  await expect(tiny({ sparse: true, dimension: TOO_MANY }).load()).rejects.toMatchObject({
    code: 'FREEBIND_BACKEND_FAILED',
    message: expect.stringContaining('not enough memory to load'),
  });
});

test('a run for which there is not enough memory says so, and the graph stays', async () => {
  const encoder = tiny({ scratch: TOO_MANY });
  await expect(encoder.run({ x })).rejects.toMatchObject({
    code: 'FREEBIND_BACKEND_FAILED',
    message: expect.stringContaining('not enough memory to run'),
  });
  expect(encoder.loaded).toBe(true);
});
