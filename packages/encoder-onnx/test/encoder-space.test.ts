import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { FreebindError } from '@freebind/core';
import { parseModelManifest } from '@freebind/models';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { checkInput } from '../src/check-input.ts';
import { encoderModel, EncoderSpace, OnnxEncoder } from '../src/index.ts';
import { TINY, writeTinyGraph } from './tiny-graph.ts';

const dir = mkdtempSync(join(tmpdir(), 'freebind-space-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const graph = writeTinyGraph(dir, 'text.onnx');

const encoder = (path: string) => new OnnxEncoder({ path: async () => path, contract: TINY, threads: 1 });

/** Texts as four numbers. The picture's graph is a file that is not there. */
function space(batch = 16): EncoderSpace {
  const made = new EncoderSpace(
    { id: 'tiny', dimension: 3, modalities: ['text', 'image'], source: { paper: 'x', checkpoint: 'x', license: 'x' } },
    {
      text: {
        encoder: encoder(graph),
        prepare: (text) => {
          if (text === 'refused') throw new FreebindError('FREEBIND_ARGUMENT_INVALID', 'It says that it is refused.');
          if (text === 'crash') throw new TypeError('x is not a function');
          const data = Float32Array.from({ length: 4 }, (_, i) => (text === 'nothing' ? 0 : text.length + i));
          return { x: { type: 'float32', dims: [1, 4], data: text === 'NaN' ? data.fill(Number.NaN) : data } };
        },
      },
      image: { encoder: encoder(join(dir, 'none.onnx')), prepare: () => ({}) },
    },
    { batch },
  );
  onTestFinished(() => made.close());
  return made;
}

describe('an input', () => {
  test.each([
    ['text', Buffer.from('a'), /It is a Buffer, but a text, a string, was expected/],
    ['text', undefined, /It is undefined, but/],
    ['image', new Uint8Array(3), /It is a Uint8Array, but an encoded picture.*`readImage`/],
    ['image', { bytes: new ArrayBuffer(3) }, /It is an object, but an encoded picture, \{ bytes \} with a Uint8Array/],
    ['image', null, /It is null/],
    ['audio', new ArrayBuffer(3), /It is an ArrayBuffer, but a decoded sound, \{ channels, sampleRate \}.*`readAudio`/],
    ['audio', { channels: [[1, 2]], sampleRate: 16_000 }, /It is an object, but a decoded sound/],
    ['audio', { channels: [new Float32Array(2)] }, /It is an object, but a decoded sound/],
  ])('of %s that is %o is refused with what was expected', (modality, input, message) => {
    expect(() => checkInput(modality, input)).toThrow(message);
  });

  test.each([
    ['text', ''],
    ['image', { bytes: Buffer.from('a') }],
    ['audio', { channels: [new Float32Array(2)], sampleRate: 16_000 }],
    ['smell, a modality of another package,', new ArrayBuffer(1)],
  ])('of %s that is %o is taken', (modality, input) => {
    expect(() => checkInput(modality, input)).not.toThrow();
  });

  test('that is bare bytes is refused by name and place, not by what JavaScript says', async () => {
    // What TypeScript refuses and JavaScript gives all the same.
    const bytes = new ArrayBuffer(4) as unknown as { bytes: Uint8Array };
    await expect(space().embed('image', [bytes])).rejects.toThrow(/^Input 0 of image: It is an ArrayBuffer, but/);
  });
});

describe('a modality', () => {
  test("is loaded on first use and alone: embedding text never asks for the picture's graph", async () => {
    const tiny = space();
    expect(tiny.loaded).toEqual([]);
    await tiny.embed('text', ['a']);
    expect(tiny.loaded).toEqual(['text']);
  });

  test('that is dropped gives its memory back, and is loaded again when it is used', async () => {
    const tiny = space();
    const before = await tiny.embed('text', ['a']);
    await tiny.drop('image');
    expect(tiny.loaded).toEqual(['text']);
    for (const what of ['text', undefined] as const) {
      await tiny.drop(what);
      expect(tiny.loaded).toEqual([]);
      expect((await tiny.embed('text', ['a'])).data).toEqual(before.data);
    }
  });
});

test('bytes of a feed are the numbers that they stand for, in batches of any size', async () => {
  const tiny = encoder(graph);
  onTestFinished(() => tiny.close());
  const levels = Float32Array.from({ length: 4 * 256 }, (_, i) => Math.sin(i));
  for (const rows of [3, 2, 3]) {
    const bytes = Uint8Array.from({ length: 4 * rows }, (_, i) => (91 * i + rows) % 256);
    const numbers = Float32Array.from(bytes, (byte, i) => levels[256 * (i % 4) + byte] ?? 0);
    const [found, wanted] = [
      await tiny.run({ x: { type: 'float32', dims: [rows, 4], data: bytes, levels } }),
      await tiny.run({ x: { type: 'float32', dims: [rows, 4], data: numbers } }),
    ];
    expect(found).toEqual(wanted);
  }
});

/** A space in which a text is two numbers, twice: given `once`, unless it says "in full". */
function halves(once: boolean): EncoderSpace {
  const made = new EncoderSpace(
    { id: 'tiny', dimension: 3, modalities: ['text'], source: { paper: 'x', checkpoint: 'x', license: 'x' } },
    {
      text: {
        encoder: encoder(graph),
        prepare: (text) => {
          const half = [text.length, Math.sin(text.length)];
          const times = once && text !== 'in full' ? 2 : 1;
          const data = Float32Array.from(times === 2 ? half : [...half, ...half]);
          return { x: { type: 'float32', dims: [1, 4], data, times } };
        },
      },
    },
  );
  onTestFinished(() => made.close());
  return made;
}

test.each([['a'], ['a', 'bb', 'ccc'], ['a', 'in full', 'bb'], ['in full']])(
  'numbers that repeat are given once, also beside some that do not: %s, …',
  async (...texts) => {
    expect(await halves(true).embed('text', texts)).toEqual(await halves(false).embed('text', texts));
  },
);

test('numbers that repeat are given once to graphs of a fixed number of rows', async () => {
  const fixed = new OnnxEncoder({ path: async () => graph, contract: TINY, threads: 1, rows: async () => 2 });
  onTestFinished(() => fixed.close());
  const half = Float32Array.from({ length: 6 }, (_, i) => Math.sin(i));
  const full = Float32Array.from({ length: 12 }, (_, i) => half[2 * Math.floor(i / 4) + (i % 2)] ?? 0);
  const [once, whole] = [
    await fixed.run({ x: { type: 'float32', dims: [3, 4], data: half, times: 2 } }),
    await fixed.run({ x: { type: 'float32', dims: [3, 4], data: full } }),
  ];
  expect(once).toEqual(whole);
});

test('a graph is loaded again when the thread that held it has died', async () => {
  const tiny = encoder(graph);
  onTestFinished(() => tiny.close());
  const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
  const x = { type: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
  const before = await tiny.run({ x });
  // What is no call is nothing that a thread's script catches.
  const worker = await started;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
  worker.postMessage(undefined);
  await new Promise((resolve) => worker.once('exit', resolve));
  expect(await tiny.run({ x })).toEqual(before);
});

test('closing while a graph runs refuses the run, and the process lives on', async () => {
  const rows = 4e6;
  for (const ms of [10, 30, 50]) {
    const busy = encoder(graph);
    await busy.load();
    const feeds = { x: { type: 'float32', dims: [rows, 4], data: new Float32Array(4 * rows) } } as const;
    const run = Promise.allSettled([busy.run(feeds, { moved: true })]);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await busy.close();
    expect(await run).toMatchObject([{ status: 'rejected', reason: { code: 'FREEBIND_CLOSED' } }]);
  }
});

test('a process that exits while a graph runs ends with its own status', () => {
  const large = writeTinyGraph(dir, 'large.onnx', { columns: 2000, dimension: 2000 });
  const program = fileURLToPath(new URL('processes/exit-in-run.js', import.meta.url));
  const ended = spawnSync(process.execPath, [program, large], { encoding: 'utf8', timeout: 30_000 });
  expect(ended).toMatchObject({ status: 7, stdout: '', stderr: '' });
});

test('the memory of inputs goes to the threads that prepare them where they are given to keep, and only there', async () => {
  const moving: (readonly ArrayBuffer[])[] = [];
  const tiny = new EncoderSpace(
    { id: 'tiny', dimension: 3, modalities: ['audio'], source: { paper: 'x', checkpoint: 'x', license: 'x' } },
    {
      audio: {
        encoder: encoder(graph),
        prepare: ({ channels: [data = new Float32Array(4)] }, { transfer = [] }) => {
          moving.push(transfer);
          return { x: { type: 'float32', dims: [1, 4], data: data.slice() } };
        },
      },
    },
  );
  onTestFinished(() => tiny.close());
  const samples = Float32Array.of(1, 2, 3, 4);
  const sounds = [{ channels: [samples], sampleRate: 16_000 }];
  const kept = await tiny.embedEach('audio', sounds);
  expect(await tiny.embedEach('audio', sounds, { moved: true })).toEqual(kept);
  expect(moving).toEqual([[], [samples.buffer]]);
});

test('a file of the model that is damaged stops a run, and is no fault of its inputs', async () => {
  const damaged = new FreebindError('FREEBIND_FILE_INVALID', 'The vocabulary is damaged.');
  const tiny = new EncoderSpace(
    { id: 'tiny', dimension: 3, modalities: ['text'], source: { paper: 'x', checkpoint: 'x', license: 'x' } },
    { text: { encoder: encoder(graph), open: () => Promise.reject(damaged), prepare: () => ({}) } },
  );
  onTestFinished(() => tiny.close());
  await expect(tiny.embedEach('text', ['a', 'b'])).rejects.toBe(damaged);
});

describe('an input that cannot be embedded', () => {
  const inputs = ['a', 'refused', 'bb', 'crash', 'NaN', 'nothing', 'ccc'];
  const codes = [
    'FREEBIND_ARGUMENT_INVALID',
    'FREEBIND_ARGUMENT_INVALID',
    'FREEBIND_NUMBER_INVALID',
    'FREEBIND_NUMBER_INVALID',
  ];

  // One of the batches has no good input.
  test.each([16, 3, 1])('has an error of its own and the others go on, in batches of %i', async (batch) => {
    const tiny = space(batch);
    const all = await tiny.embedEach('text', inputs);
    expect(all.flatMap(({ error }) => error?.code ?? [])).toEqual(codes);
    const alone = await tiny.embed('text', ['a', 'bb', 'ccc']);
    expect(all.flatMap(({ row }) => Array.from(row ?? []))).toEqual(Array.from(alone.data));
    expect(all.map(({ row }) => row !== undefined)).toEqual([true, false, true, false, false, false, true]);
  });

  test('stops `embed`, which names its place and its reason', async () => {
    await expect(space().embed('text', ['a', 'refused', 'bb'])).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: 'Input 1 of text: It says that it is refused.',
    });
  });
});

test('an input of several rows is the mean of their directions, however long the graph makes each', async () => {
  const same = writeTinyGraph(dir, 'same.onnx', { weight: (i, j) => (i === j ? 1 : 0) });
  const clips: Readonly<Record<string, readonly (readonly number[])[]>> = {
    two: [
      [3, 0, 0, 0],
      [0, 400, 0, 0],
    ],
    'with one of zeros': [
      [0, 0, 5, 0],
      [0, 0, 0, 0],
    ],
    'that cancel out': [
      [2, 0, 0, 0],
      [-7, 0, 0, 0],
    ],
  };
  const tiny = new EncoderSpace(
    { id: 'tiny', dimension: 3, modalities: ['text'], source: { paper: 'x', checkpoint: 'x', license: 'x' } },
    {
      text: {
        encoder: encoder(same),
        prepare: (text) => {
          const rows = clips[text] ?? [];
          return { x: { type: 'float32', dims: [rows.length, 4], data: Float32Array.from(rows.flat()) } };
        },
      },
    },
  );
  onTestFinished(() => tiny.close());
  const [two, zeros, cancelled] = await tiny.embedEach('text', Object.keys(clips));
  const half = Math.fround(Math.SQRT1_2);
  expect(two).toEqual({ row: Float32Array.of(half, half, 0) });
  expect(zeros).toEqual({ row: Float32Array.of(0, 0, 1) });
  expect(cancelled).toMatchObject({ error: { code: 'FREEBIND_NUMBER_INVALID' } });
});

describe('precision', () => {
  const models = parseModelManifest(
    {
      space: 'tiny',
      variants: {
        base: {
          description: 'a test',
          licence: 'MIT',
          commercial: true,
          source: 'nowhere',
          files: [{ path: 'text.onnx', size: null, sha256: null, url: null }],
          graphs: { 'text.onnx': TINY },
        },
      },
    },
    'the test',
  );
  const run = async (precision: 'fp32' | 'fp16' | 'q8'): Promise<readonly number[]> => {
    const encoder = encoderModel(models, 'base', { models: dir, precision, threads: 1 }).encoder('text.onnx');
    onTestFinished(() => encoder.close());
    const x = { type: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
    return Array.from((await encoder.run({ x })).data);
  };

  test('chooses among graphs by the names that exporters give them', async () => {
    writeTinyGraph(dir, 'text_quantized.onnx', { times: 2 });
    expect(await run('fp32')).toEqual([30, 60, 90]);
    expect(await run('q8')).toEqual([60, 120, 180]);
  });

  test('that is not there is named, and one that nobody has is refused', async () => {
    await expect(run('fp16')).rejects.toMatchObject({
      code: 'FREEBIND_FILE_MISSING',
      message: expect.stringMatching(
        /needs text_fp16\.onnx, which is not in .* It is the fp16 form of text\.onnx, [^,]*: make it, or get it from where that one is from\. Or/,
      ),
    });
    // As a program without types may ask.
    await expect(run('int4' as 'q8')).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
  });
});
