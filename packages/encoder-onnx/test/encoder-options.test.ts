import { parseModelManifest } from '@freebind/models';
import { expect, test } from 'vitest';
import { encoderModel, type EncoderOptions, OnnxEncoder } from '../src/index.ts';
import { TINY } from './tiny-graph.ts';

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

test.each(['threads', 'workers'])('refuses numbers of %s that are none or absurd', (name) => {
  for (const count of [0, 1.5, 1e9])
    expect(() => encoderModel(models, 'base', { [name]: count }).encoder('text.onnx')).toThrow(
      `${name} is ${count}, expected a whole number from 1 to`,
    );
});

test('refuses them also of a graph alone', () => {
  expect(() => new OnnxEncoder({ path: async () => 'text.onnx', contract: TINY, threads: 1e9 })).toThrow('threads is');
});

test.each(['potato', 'CUDA'])('refuses the device %s before anything is loaded', (device) => {
  // As a command line may say.
  const options = { device } as unknown as EncoderOptions;
  expect(() => encoderModel(models, 'base', options).encoder('text.onnx')).toThrow(
    `The device is "${device}", expected one of cpu, cuda, webgpu.`,
  );
});
