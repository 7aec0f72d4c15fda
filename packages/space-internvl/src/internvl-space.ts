import { FreebindError, type SpaceManifest } from '@freebind/core';
import { type EncoderPlacement, EncoderSpace, OnnxEncoder } from '@freebind/encoder-onnx';
import { findModelFile, type ModelManifest, variantOf } from '@freebind/models';
import { imagePlanes } from './image-input.ts';
import { CONTEXT, InternvlTokenizer } from './internvl-tokenizer.ts';

/** Options of the InternVL-C space. */
export interface InternvlOptions extends EncoderPlacement {
  /** A folder with the model's files; external data lie beside their graph. Default: freebind's own folder of models, then the hub's cache. */
  readonly models?: string;
  /** Most inputs of one run of an encoder. Default 16. */
  readonly batch?: number;
}

const MOST_CHARACTERS = 100_000;

/** InternVL-C of the model `variant` in `models`. */
export function internvlSpace(
  manifest: SpaceManifest,
  models: ModelManifest,
  variant: string,
  options: InternvlOptions = {},
): EncoderSpace {
  const { graphs } = variantOf(models, variant);
  const find = (path: string) => () => findModelFile(models, variant, path, { folder: options.models });
  const encoder = (path: string): OnnxEncoder => {
    const contract = graphs[path];
    if (contract === undefined) throw new Error(`models.json has no graph ${path}.`);
    return new OnnxEncoder({ ...options, path: find(path), contract });
  };
  let tokenizer: Promise<InternvlTokenizer> | undefined;
  const batch = options.batch === undefined ? {} : { batch: options.batch };
  return new EncoderSpace(manifest, {
    image: {
      ...batch,
      encoder: encoder('internvl_c_vision.onnx'),
      prepare: async ({ bytes }, signal) => {
        const data = await imagePlanes(bytes, signal);
        return { pixel_values: { type: 'float32', dims: [1, 3, 224, 224], data } };
      },
    },
    text: {
      ...batch,
      encoder: encoder('internvl_c_text.onnx'),
      files: async () => [await find('tokenizer.model')()],
      prepare: async (text) => {
        checkText(text);
        tokenizer ??= find('tokenizer.model')().then((path) => InternvlTokenizer.open(path));
        const opened = await tokenizer.catch((error: unknown) => {
          tokenizer = undefined;
          throw error;
        });
        return { input_ids: { type: 'int64', dims: [1, CONTEXT], data: opened.encode(text) } };
      },
    },
  });
}

function checkText(text: string): void {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A text ${typeof text === 'string' ? `of ${text.length} characters` : `that is ${typeof text}`} was given; expected a string of at most ${MOST_CHARACTERS}. InternVL-C reads the first 77 tokens: cut the text.`,
    );
  }
}
