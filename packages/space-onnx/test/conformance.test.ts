import { type Modality, type ModalityInputs, SPACE, type Space } from '@freebind/core';
import { loadPlugin } from '@freebind/conformance';
import { describePlugin, describeSpace } from '@freebind/conformance/vitest';
import clap from '@freebind/space-clap';
import imagebind from '@freebind/space-imagebind';
import { afterAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import onnx from '../src/index.ts';
import { tinyBind, tinyClap } from './tiny.ts';

const [bind, fused] = await Promise.all([tinyBind(), tinyClap()]);
afterAll(() => Promise.all([bind.remove(), fused.remove()]));

const sound = (seconds: number): ModalityInputs['audio'] => ({
  channels: [Float32Array.from({ length: 44_100 * seconds }, (_, i) => Math.sin(i / 20 + (i / 9000) ** 2) / 2)],
  sampleRate: 44_100,
});

describePlugin('space-onnx, configured', onnx(fused.config), packageJson);
describePlugin('space-onnx without options', onnx(), packageJson);

describeSpace('tiny-bind', () => loadPlugin(onnx(bind.config)).getAsync(SPACE, { name: 'tiny-bind' }));

describe('a space made by configuration gives the very rows of the space that is written for its graphs', () => {
  const common = { threads: 1, workers: 1 } as const;
  const own: Readonly<Record<string, () => Promise<Space>>> = {
    'tiny-bind': () =>
      loadPlugin(imagebind({ models: bind.config.models, dimension: 24, ...common })).getAsync(SPACE, {
        name: 'imagebind',
      }),
    'tiny-clap': () =>
      loadPlugin(clap({ models: fused.config.models, dimension: 16, ...common })).getAsync(SPACE, {
        name: 'clap-general',
      }),
  };

  // A sound over ten seconds is heard in drawn pieces.
  test.each([
    ['tiny-bind', 'audio', [sound(1), sound(3.3)]],
    ['tiny-clap', 'audio', [sound(1), sound(12)]],
    ['tiny-clap', 'text', ['a dog barks', 'two red apples, très rouges 🍎', 'rain '.repeat(300), '']],
  ] as const)('%s, %s', async (id, modality: Modality, inputs: readonly unknown[]) => {
    const config = id === 'tiny-bind' ? bind.config : fused.config;
    const made = await loadPlugin(onnx(config)).getAsync(SPACE, { name: id });
    const written = await own[id]?.();
    try {
      // Inputs are of the modality that stands beside them.
      const [a, b] = [await made.embed(modality, inputs as never), await written?.embed(modality, inputs as never)];
      expect(a.data).toEqual(b?.data);
    } finally {
      await Promise.all([made.close(), written?.close()]);
    }
  });
});
