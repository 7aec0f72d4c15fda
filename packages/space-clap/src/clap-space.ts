import type { SpaceManifest } from '@freebind/core';
import { checkText, encoderModel, type EncoderOptions, EncoderSpace, kept, tracedBatch } from '@freebind/encoder-onnx';
import type { ModelManifest } from '@freebind/models';
import { builtModule, ThreadPool } from '@freebind/threads';
import type * as preparation from './preparation.ts';
import { CONTEXT, RobertaTokenizer } from './roberta-tokenizer.ts';

/** Options of a CLAP space. */
export interface ClapSpaceOptions extends EncoderOptions {
  /** Decides which pieces of sounds over ten seconds are heard, together with the sound itself: equal sounds give equal rows. Default 0. */
  readonly seed?: number;
}

/** What a variant's files are called, and whether its audio encoder fuses four views of a long sound. */
export interface ClapFiles {
  readonly audio: string;
  readonly text: string;
  readonly fusion: boolean;
}

/** CLAP of the model `variant` in `models`. Nothing is loaded yet. */
export function clapSpace(
  manifest: SpaceManifest,
  model: { readonly models: ModelManifest; readonly variant: string; readonly files: ClapFiles },
  options: ClapSpaceOptions = {},
): EncoderSpace {
  const { models, variant, files } = model;
  const { fusion } = files;
  const { seed = 0 } = options;
  const { dimension, find, encoder } = encoderModel(models, variant, options);
  const threads = new ThreadPool<typeof preparation>({
    module: builtModule('./preparation.js', import.meta.url),
    size: options.workers,
    owner: `the space "${manifest.id}"`,
  });
  const tokenizer = kept(async () => RobertaTokenizer.open(await find('vocab.json'), await find('merges.txt')));
  return new EncoderSpace(
    { ...manifest, dimension },
    {
      audio: {
        encoder: encoder(files.audio, tracedBatch),
        options: { seed },
        prepare: async (sound, call) => {
          const { data, longer } = await threads.call('audio', [sound, { fusion, seed }], call);
          if (!fusion) return { input_features: { type: 'float32', dims: [1, 1, 1001, 64], data } };
          const features = { type: 'float32', dims: [1, 4, 1001, 64], data, times: longer ? 1 : 4 } as const;
          const isLonger = { type: 'bool', dims: [1, 1], data: Uint8Array.of(longer ? 1 : 0) } as const;
          return { input_features: features, is_longer: isLonger };
        },
      },
      text: {
        encoder: encoder(files.text),
        files: async () => [await find('vocab.json'), await find('merges.txt')],
        open: tokenizer,
        prepare: async (text) => {
          checkText(text, CONTEXT - 2);
          const { ids, mask } = (await tokenizer()).encode(text);
          return {
            input_ids: { type: 'int64', dims: [1, CONTEXT], data: ids },
            attention_mask: { type: 'int64', dims: [1, CONTEXT], data: mask },
          };
        },
      },
    },
    { batch: options.batch, workers: options.workers, threads },
  );
}
