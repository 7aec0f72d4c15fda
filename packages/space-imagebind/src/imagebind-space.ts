import { FreebindError, type SpaceManifest } from '@freebind/core';
import { type EncoderPlacement, EncoderSpace, type ModalityEncoders, OnnxEncoder } from '@freebind/encoder-onnx';
import { findModelFile, type ModelManifest, variantOf } from '@freebind/models';
import { AudioInput, CLIP_DIMS } from './audio-input.ts';
import { ClipTokenizer, CONTEXT } from './clip-tokenizer.ts';
import { imagePlanes } from './image-input.ts';

/** Options of an ImageBind space. */
export interface ImagebindOptions extends EncoderPlacement {
  /** A folder with the model's files. Default: freebind's own folder of models, then the hub's cache. */
  readonly models?: string;
  /** Most inputs of one run of an encoder. Default 16. */
  readonly batch?: number;
}

/** Graph files of each modality, and the vocabulary. */
export const FILES = {
  image: 'imagebind_vision.onnx',
  audio: 'imagebind_audio.onnx',
  text: 'imagebind_text.onnx',
  vocabulary: 'bpe_simple_vocab_16e6.txt.gz',
} as const;

/** Characters of a text that are tokenised: 77 tokens are far less, and a book would take its time for nothing. */
const MOST_CHARACTERS = 100_000;

/** ImageBind, or its variant with a fine-tuned audio encoder, of the model `variant` in `models`. */
export function imagebindSpace(
  manifest: SpaceManifest,
  models: ModelManifest,
  variant: string,
  options: ImagebindOptions = {},
): EncoderSpace {
  const { graphs } = variantOf(models, variant);
  const find = (path: string) => () => findModelFile(models, variant, path, { folder: options.models });
  const encoder = (path: string): OnnxEncoder => {
    const contract = graphs[path];
    if (contract === undefined) throw new Error(`models.json has no graph ${path}.`);
    return new OnnxEncoder({ ...options, path: find(path), contract });
  };
  let tokenizer: Promise<ClipTokenizer> | undefined;
  const audio = new AudioInput();
  const batch = options.batch === undefined ? {} : { batch: options.batch };
  const encoders: ModalityEncoders = {
    image: {
      ...batch,
      encoder: encoder(FILES.image),
      prepare: async ({ bytes }, signal) => {
        const data = await imagePlanes(bytes, signal);
        return { pixel_values: { type: 'float32', dims: [1, 3, 224, 224], data } };
      },
    },
    audio: {
      ...batch,
      encoder: encoder(FILES.audio),
      prepare: (input) => ({ input_features: { type: 'float32', dims: CLIP_DIMS, data: audio.of(input) } }),
    },
    text: {
      ...batch,
      encoder: encoder(FILES.text),
      files: async () => [await find(FILES.vocabulary)()],
      prepare: async (text) => {
        checkText(text);
        tokenizer ??= find(FILES.vocabulary)().then((path) => ClipTokenizer.open(path));
        const opened = await tokenizer.catch((error: unknown) => {
          tokenizer = undefined;
          throw error;
        });
        return { input_ids: { type: 'int64', dims: [1, CONTEXT], data: opened.encode(text) } };
      },
    },
  };
  return new EncoderSpace(manifest, encoders);
}

function checkText(text: string): void {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A text ${typeof text === 'string' ? `of ${text.length} characters` : `that is ${typeof text}`} was given; expected a string of at most ${MOST_CHARACTERS}. ImageBind reads the first 75 tokens: cut the text.`,
    );
  }
}
