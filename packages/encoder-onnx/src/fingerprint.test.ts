import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EncoderSpace } from './encoder-space.ts';
import { OnnxEncoder } from './onnx-encoder.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-prints-'));
  for (const name of ['a.onnx', 'a.onnx_data', 'a.onnx_data_1', 'b.onnx', 'words.txt'])
    await writeFile(join(dir, name), name);
});
afterEach(() => rm(dir, { recursive: true }));

function space(seed = 0): EncoderSpace {
  const contract = { inputs: {}, output: 'out', dimension: 2 };
  const encoder = new OnnxEncoder({ path: async () => join(dir, 'a.onnx'), contract });
  return new EncoderSpace(
    { id: 'a', dimension: 2, modalities: ['text'], source: { paper: '', checkpoint: '', license: '' } },
    { text: { encoder, files: async () => [join(dir, 'words.txt')], options: { seed }, prepare: () => ({}) } },
  );
}

test('names every file that decides a modality, external data included, and what else does', async () => {
  const prints = await space().fingerprint('text');
  expect(Object.keys(prints)).toEqual([
    'device',
    'batch',
    'seed',
    'a.onnx',
    'a.onnx_data',
    'a.onnx_data_1',
    'words.txt',
  ]);
  expect(prints).toMatchObject({ device: 'cpu', batch: '16', seed: '0', 'a.onnx': expect.stringMatching(/^sha256:/) });
});

test.each(['a.onnx', 'a.onnx_data_1', 'words.txt'])('changes with %s', async (name) => {
  const before = await space().fingerprint('text');
  await writeFile(join(dir, name), 'other');
  const after = await space().fingerprint('text');
  const changed = Object.keys(before).filter((key) => before[key] !== after[key]);
  expect(changed).toEqual([name]);
});

test('refuses a modality that the space has not', async () => {
  await expect(space().fingerprint('image')).rejects.toMatchObject({ code: 'FREEBIND_CAPABILITY_MISSING' });
});
