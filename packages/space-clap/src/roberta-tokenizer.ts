import { readFile } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import { Tokenizer } from '@huggingface/tokenizers';

/** Tokens of a text, padded (LAION-AI/CLAP `hook.py`, `tokenizer`: max_length 77). */
export const CONTEXT = 77;
/** RoBERTa's marks (fairseq `dict.txt` order). */
const [START, PAD, END] = [0, 1, 2];

/** Ids of a text and which of them are not padding: 77 of each. */
export interface TokenIds {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
}

/** RoBERTa's byte pairs, as CLAP uses them. Marks that are written out in a text are text. */
export class RobertaTokenizer {
  readonly #tokenizer: Tokenizer;

  private constructor(vocab: unknown, merges: readonly string[]) {
    this.#tokenizer = new Tokenizer(
      {
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
        post_processor: null,
        decoder: null,
        model: {
          type: 'BPE',
          unk_token: null,
          continuing_subword_prefix: '',
          end_of_word_suffix: '',
          fuse_unk: false,
          vocab,
          merges,
        },
      },
      {},
    );
  }

  /** Reads `vocab.json` and `merges.txt` of roberta-base. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
  static async open(vocabulary: string, merges: string): Promise<RobertaTokenizer> {
    const [words, pairs] = await Promise.all([read(vocabulary), read(merges)]);
    let vocab: unknown;
    try {
      vocab = JSON.parse(words);
    } catch (cause) {
      throw new FreebindError('FREEBIND_FILE_INVALID', `${vocabulary} is not JSON; it is damaged. Get it again.`, {
        cause,
      });
    }
    const lines = pairs.split('\n').filter((line) => line !== '' && !line.startsWith('#version'));
    if (typeof vocab !== 'object' || vocab === null || Object.keys(vocab).length < 50_000 || lines.length < 49_000)
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${vocabulary} and ${merges} are not roberta-base's 50,265 tokens and 50,000 merges. Get them again.`,
      );
    return new RobertaTokenizer(vocab, lines);
  }

  encode(text: string): TokenIds {
    const { ids } = this.#tokenizer.encode(text.toWellFormed(), { add_special_tokens: false });
    const all = [START, ...ids.slice(0, CONTEXT - 2), END];
    const padded = new BigInt64Array(CONTEXT).fill(BigInt(PAD));
    all.forEach((id, i) => (padded[i] = BigInt(id)));
    return { ids: padded, mask: BigInt64Array.from({ length: CONTEXT }, (_, i) => (i < all.length ? 1n : 0n)) };
  }
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is no vocabulary ${path}.`, { cause });
  });
}
