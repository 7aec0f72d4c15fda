import { describe, expect, test } from 'vitest';
import onnx, { onnxModels, type OnnxSpaceConfig, readOnnxSpaceConfig } from './index.ts';

const text = { graph: 'text.onnx', tokenizer: 'tokenizer.json', length: 77, output: 'text_embeds' };
const good: OnnxSpaceConfig = { id: 'mine', dimension: 512, modalities: { text } };

test('a description is plain data, and what is left out has the usual names', () => {
  const read = readOnnxSpaceConfig(JSON.parse(JSON.stringify(good)));
  expect(read.modalities.text).toMatchObject({ pad: 0, inputs: { ids: 'input_ids', mask: 'attention_mask' } });
  expect(read.source.license).toBe('unknown');
});

test('brings the space that it describes', () => {
  expect(onnx(good).manifest.spaces).toEqual(['mine']);
  expect(onnx.manifest.spaces).toBeUndefined();
});

test('its files and graphs are listed as those of other spaces', () => {
  const models = onnxModels(
    readOnnxSpaceConfig({
      ...good,
      modalities: {
        text,
        image: { graph: 'vision.onnx', prepare: 'clip-336', output: 'image_embeds' },
        audio: { graph: 'audio.onnx', prepare: 'clap-fused', output: 'audio_embeds' },
      },
    }),
  );
  const { files, graphs } = models.variants['mine'] ?? {};
  expect(files?.map(({ path }) => path).sort()).toEqual(['audio.onnx', 'text.onnx', 'tokenizer.json', 'vision.onnx']);
  expect(graphs?.['vision.onnx']?.inputs['pixel_values']?.dims).toEqual(['batch', 3, 336, 336]);
  expect(Object.keys(graphs?.['audio.onnx']?.inputs ?? {})).toEqual(['input_features', 'is_longer']);
});

describe('refuses, before anything is opened,', () => {
  const image = { graph: 'v.onnx', prepare: 'clip-224', output: 'out' };
  test.each([
    ['a key with a slip in it', { ...good, dimensions: 4 }, /dimensions: no such key; did you mean "dimension"\?/],
    ['no dimension', { ...good, dimension: undefined }, /dimension is missing: give a whole number/],
    ['no modality', { ...good, modalities: {} }, /modalities is {}: give image, audio or text/],
    ['a modality that is none', { ...good, modalities: { smell: image } }, /modalities.smell: no such key/],
    ['an id that names no folder', { ...good, id: '../x' }, /id is "..\/x": give a/],
    [
      'a graph outside of the folder',
      { ...good, modalities: { image: { ...image, graph: '/etc/x.onnx' } } },
      /without \.\./,
    ],
    [
      'a preset that nobody has',
      { ...good, modalities: { image: { ...image, prepare: 'clip-225' } } },
      /modalities.image.prepare is "clip-225": give one of clip-224, clip-336, internvl-224, or { side/,
    ],
    ...[0, -0.3, Number.POSITIVE_INFINITY, Number.NaN].map((wrong): [string, object, RegExp] => [
      `a deviation of ${wrong}`,
      {
        ...good,
        modalities: { image: { ...image, prepare: { side: 8, mean: [0, 0, 0], deviation: [1, wrong, 1] } } },
      },
      /modalities\.image\.prepare/,
    ]),
    [
      'a slip in an inner key',
      { ...good, modalities: { text: { ...text, tokeniser: 'x' } } },
      /modalities.text.tokeniser: no such key; did you mean "tokenizer"\?/,
    ],
    [
      'a length of 0',
      { ...good, modalities: { text: { ...text, length: 0 } } },
      /length is 0: give a whole number of at least 1/,
    ],
  ])('%s', (_, given, message) => {
    expect(() => readOnnxSpaceConfig(given)).toThrow(expect.objectContaining({ code: 'FREEBIND_CONFIG_INVALID' }));
    expect(() => readOnnxSpaceConfig(given)).toThrow(message);
  });
});
