import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenPath } from '../../../test/golden/folder.ts';
import { CLAP_FILES, IMAGEBIND_FILES, modelFolder } from '../../../test/golden/model-folder.ts';
import type { OnnxSpaceConfig } from '../src/index.ts';

/** A tokenizer of letters, with the marks that the golden text encoder of ImageBind pools at: the greatest id ends a text. */
const LETTERS = {
  version: '1.0',
  added_tokens: [],
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 49_407], cls: ['[CLS]', 49_406] },
  decoder: null,
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries([
      ['[PAD]', 0],
      ['[UNK]', 1],
      ...Array.from('abcdefghijklmnopqrstuvwxyz', (letter, i) => [letter, 100 + i]),
      ...Array.from('abcdefghijklmnopqrstuvwxyz', (letter, i) => [`##${letter}`, 200 + i]),
      ['[CLS]', 49_406],
      ['[SEP]', 49_407],
    ]),
  },
};

/** RoBERTa's vocabulary as one `tokenizer.json`, as Hugging Face has it beside the two files. */
function roberta(): object {
  const merges = readFileSync(goldenPath('vocab/roberta-base/merges.txt'), 'utf8').split('\n');
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', 2],
      cls: ['<s>', 0],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      vocab: JSON.parse(readFileSync(goldenPath('vocab/roberta-base/vocab.json'), 'utf8')) as unknown,
      merges: merges.filter((line) => line !== '' && !line.startsWith('#version')),
    },
  };
}

/** A folder of tiny graphs and the description of a space of them. */
export interface Tiny {
  readonly config: OnnxSpaceConfig & { readonly models: string };
  readonly remove: () => Promise<void>;
}

/** Golden graphs of ImageBind's, with pictures, sounds and texts. */
export async function tinyBind(): Promise<Tiny> {
  const { folder, remove } = await modelFolder(IMAGEBIND_FILES);
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(LETTERS));
  const config: Tiny['config'] = {
    id: 'tiny-bind',
    dimension: 24,
    models: folder,
    threads: 1,
    workers: 1,
    modalities: {
      image: { graph: 'imagebind_vision.onnx', prepare: 'clip-224', output: 'image_embeds' },
      audio: { graph: 'imagebind_audio.onnx', prepare: 'imagebind-audio', output: 'audio_embeds' },
      text: {
        graph: 'imagebind_text.onnx',
        tokenizer: 'tokenizer.json',
        length: 77,
        inputs: { ids: 'input_ids' },
        output: 'text_embeds',
      },
    },
  };
  return { config, remove };
}

/** Golden graphs of CLAP's with fusion. */
export async function tinyClap(): Promise<Tiny> {
  const { folder, remove } = await modelFolder(CLAP_FILES.general);
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(roberta()));
  const config: Tiny['config'] = {
    id: 'tiny-clap',
    dimension: 16,
    models: folder,
    threads: 1,
    workers: 1,
    source: { paper: 'LAION-CLAP, ICASSP 2023, arXiv 2211.06687', license: 'CC0-1.0' },
    modalities: {
      audio: { graph: 'clap_audio.onnx', prepare: 'clap-fused', output: 'audio_embeds' },
      text: { graph: 'clap_text.onnx', tokenizer: 'tokenizer.json', length: 77, pad: 1, output: 'text_embeds' },
    },
  };
  return { config, remove };
}
