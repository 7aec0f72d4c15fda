import type { SpaceManifest } from '@freebind/core';
import { checkText, encoderModel, type EncoderOptions, EncoderSpace, kept } from '@freebind/encoder-onnx';
import type { ModelManifest } from '@freebind/models';
import { INTERNVL_IMAGE, squareLevels } from '@freebind/preprocess';
import { builtModule, ThreadPool } from '@freebind/threads';
import { CONTEXT, InternvlTokenizer, MOST } from './internvl-tokenizer.ts';
import type * as preparation from './preparation.ts';

/** Options of the InternVL-C space. */
export type InternvlOptions = EncoderOptions;

/** InternVL-C of the model `variant` in `models`. Nothing is loaded yet. */
export function internvlSpace(
  manifest: SpaceManifest,
  models: ModelManifest,
  variant: string,
  options: InternvlOptions = {},
): EncoderSpace {
  const { dimension, find, encoder } = encoderModel(models, variant, options);
  const threads = new ThreadPool<typeof preparation>({
    module: builtModule('./preparation.js', import.meta.url),
    size: options.workers,
    depth: 2, // one picture in its decoder, one resized
    owner: `the space "${manifest.id}"`,
  });
  const tokenizer = kept(async () => InternvlTokenizer.open(await find('tokenizer.model')));
  const levels = squareLevels(INTERNVL_IMAGE);
  return new EncoderSpace(
    { ...manifest, dimension },
    {
      image: {
        encoder: encoder('internvl_c_vision.onnx'),
        prepare: async ({ bytes }, call) => {
          const data = await threads.call('image', [bytes], call);
          return { pixel_values: { type: 'float32', dims: [1, 3, 224, 224], data, levels } };
        },
      },
      text: {
        encoder: encoder('internvl_c_text.onnx'),
        files: async () => [await find('tokenizer.model')],
        open: tokenizer,
        prepare: async (text) => {
          checkText(text, MOST);
          const data = (await tokenizer()).encode(text);
          return { input_ids: { type: 'int64', dims: [1, CONTEXT], data } };
        },
      },
    },
    { batch: options.batch, workers: options.workers, threads },
  );
}
