import type { SpaceManifest } from '@freebind/core';
import { checkText, encoderModel, type EncoderOptions, EncoderSpace, kept } from '@freebind/encoder-onnx';
import type { ModelManifest } from '@freebind/models';
import { IMAGEBIND_AUDIO_DIMS, IMAGEBIND_IMAGE, squareLevels } from '@freebind/preprocess';
import { builtModule, ThreadPool } from '@freebind/threads';
import { ClipTokenizer, CONTEXT } from './clip-tokenizer.ts';
import type * as preparation from './preparation.ts';

/** Options of an ImageBind space. */
export type ImagebindOptions = EncoderOptions;

/**
 * ImageBind, or its variant with a fine-tuned audio encoder, of the model `variant` in `models`; `audio` is the name of its audio
 * graph. Nothing is loaded yet.
 */
export function imagebindSpace(
  manifest: SpaceManifest,
  model: { readonly models: ModelManifest; readonly variant: string; readonly audio: string },
  options: ImagebindOptions = {},
): EncoderSpace {
  const { dimension, find, encoder } = encoderModel(model.models, model.variant, options);
  const threads = new ThreadPool<typeof preparation>({
    module: builtModule('./preparation.js', import.meta.url),
    size: options.workers,
    depth: 2, // one picture in its decoder, one resized
    owner: `the space "${manifest.id}"`,
  });
  const tokenizer = kept(async () => ClipTokenizer.open(await find('bpe_simple_vocab_16e6.txt.gz')));
  const levels = squareLevels(IMAGEBIND_IMAGE);
  return new EncoderSpace(
    { ...manifest, dimension },
    {
      image: {
        encoder: encoder('imagebind_vision.onnx'),
        prepare: async ({ bytes }, call) => {
          const data = await threads.call('image', [bytes], call);
          return { pixel_values: { type: 'float32', dims: [1, 3, 224, 224], data, levels } };
        },
      },
      audio: {
        encoder: encoder(model.audio),
        prepare: async (sound, call) => {
          const data = await threads.call('audio', [sound], call);
          return { input_features: { type: 'float32', dims: IMAGEBIND_AUDIO_DIMS, data } };
        },
      },
      text: {
        encoder: encoder('imagebind_text.onnx'),
        files: async () => [await find('bpe_simple_vocab_16e6.txt.gz')],
        open: tokenizer,
        prepare: async (text) => {
          checkText(text, CONTEXT - 2);
          const data = (await tokenizer()).encode(text);
          return { input_ids: { type: 'int64', dims: [1, CONTEXT], data } };
        },
      },
    },
    { batch: options.batch, workers: options.workers, threads },
  );
}
