import { FreebindError, hash32, random, type SpaceManifest } from '@freebind/core';
import { type EncoderPlacement, EncoderSpace, OnnxEncoder } from '@freebind/encoder-onnx';
import { findModelFile, type ModelManifest, variantOf } from '@freebind/models';
import { ClapAudio } from './clap-audio.ts';
import { CONTEXT, RobertaTokenizer } from './roberta-tokenizer.ts';

/** Options of a CLAP space. */
export interface ClapSpaceOptions extends EncoderPlacement {
  /** A folder with the model's files. Default: freebind's own folder of models, then the hub's cache. */
  readonly models?: string | undefined;
  /** Most inputs of one run of an encoder. Default 16. */
  readonly batch?: number;
  /** Decides which pieces of sounds over ten seconds are heard, together with the sound itself: equal sounds give equal rows. Default 0. */
  readonly seed?: number;
}

/** What a variant's files are called. */
export interface ClapFiles {
  readonly audio: string;
  readonly text: string;
  readonly fusion: boolean;
}

const MOST_CHARACTERS = 100_000;

/** CLAP of the model `variant` in `models`. */
export function clapSpace(
  manifest: SpaceManifest,
  model: { readonly models: ModelManifest; readonly variant: string; readonly files: ClapFiles },
  options: ClapSpaceOptions = {},
): EncoderSpace {
  const { models, variant, files } = model;
  const { graphs } = variantOf(models, variant);
  const find = (path: string) => () => findModelFile(models, variant, path, { folder: options.models });
  const encoder = (path: string): OnnxEncoder => {
    const contract = graphs[path];
    if (contract === undefined) throw new Error(`models.json has no graph ${path}.`);
    return new OnnxEncoder({ ...options, path: find(path), contract });
  };
  const { seed = 0 } = options;
  const audio = new ClapAudio(files.fusion);
  let tokenizer: Promise<RobertaTokenizer> | undefined;
  const openTokenizer = async (): Promise<RobertaTokenizer> =>
    RobertaTokenizer.open(await find('vocab.json')(), await find('merges.txt')());
  const batch = options.batch === undefined ? {} : { batch: options.batch };
  return new EncoderSpace(manifest, {
    audio: {
      ...batch,
      encoder: encoder(files.audio),
      options: { seed },
      prepare: (input) => {
        const wave = audio.wave(input);
        // By the sound, not by its place in a batch: alone or in company, it is heard at the same places.
        const draw = random(seed, 'clap', wave.length, hash32(sample(wave)));
        const { data, longer } = audio.features(wave, draw);
        const features = { type: 'float32', dims: [1, files.fusion ? 4 : 1, 1001, 64], data } as const;
        if (!files.fusion) return { input_features: features };
        const isLonger = { type: 'bool', dims: [1, 1], data: Uint8Array.of(longer ? 1 : 0) } as const;
        return { input_features: features, is_longer: isLonger };
      },
    },
    text: {
      ...batch,
      encoder: encoder(files.text),
      files: async () => [await find('vocab.json')(), await find('merges.txt')()],
      prepare: async (text) => {
        checkText(text);
        tokenizer ??= openTokenizer();
        const opened = await tokenizer.catch((error: unknown) => {
          tokenizer = undefined;
          throw error;
        });
        const { ids, mask } = opened.encode(text);
        return {
          input_ids: { type: 'int64', dims: [1, CONTEXT], data: ids },
          attention_mask: { type: 'int64', dims: [1, CONTEXT], data: mask },
        };
      },
    },
  });
}

/** Some of a wave's samples as text, enough to tell sounds apart. */
function sample(wave: Float32Array): string {
  const step = Math.max(Math.floor(wave.length / 64), 1);
  let text = '';
  for (let i = 0; i < wave.length; i += step) text += `${wave[i]} `;
  return text;
}

function checkText(text: string): void {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A text ${typeof text === 'string' ? `of ${text.length} characters` : `that is ${typeof text}`} was given; expected a string of at most ${MOST_CHARACTERS}. CLAP reads the first 75 tokens: cut the text.`,
    );
  }
}
