import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { FreebindError } from '@freebind/core';
import { Tokenizer } from '@huggingface/tokenizers';
import { cleanText } from './fix-text.ts';

/** Tokens of a text, padded: openai/CLIP `context_length`. */
export const CONTEXT = 77;
/** The merges that CLIP uses of the file: 49,152 tokens less two alphabets of 256 and two marks (`simple_tokenizer.py`). */
const MERGES = 49_152 - 256 - 2;
/** How words, digits and signs are told apart (`simple_tokenizer.py`, `self.pat`). */
const PATTERN = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
const START = '<|startoftext|>';
const END = '<|endoftext|>';

/** CLIP's byte pairs, as ImageBind uses them. */
export class ClipTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #start: number;
  readonly #end: number;

  /** @param merges the lines of `bpe_simple_vocab_16e6.txt`, without its head */
  private constructor(merges: readonly string[]) {
    const letters = byteLetters();
    const tokens = [
      ...letters,
      ...letters.map((letter) => `${letter}</w>`),
      ...merges.map((merge) => merge.replace(' ', '')),
      START,
      END,
    ];
    this.#start = tokens.length - 2;
    this.#end = tokens.length - 1;
    this.#tokenizer = new Tokenizer(
      {
        added_tokens: [START, END].map((content, i) => ({
          id: this.#start + i,
          content,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: true,
        })),
        normalizer: null,
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: PATTERN }, behavior: 'Removed', invert: true },
            { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
          ],
        },
        post_processor: null,
        decoder: null,
        model: {
          type: 'BPE',
          unk_token: null,
          continuing_subword_prefix: '',
          end_of_word_suffix: '</w>',
          fuse_unk: false,
          vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
          merges,
        },
      },
      {},
    );
  }

  /** Reads `bpe_simple_vocab_16e6.txt.gz`. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
  static async open(path: string): Promise<ClipTokenizer> {
    const packed = await readFile(path).catch((cause: unknown) => {
      throw new FreebindError('FREEBIND_FILE_MISSING', `There is no vocabulary ${path}.`, { cause });
    });
    let lines: readonly string[];
    try {
      // Two alphabets and some merges are 1.4 MB; a file that unpacks to more is another.
      lines = gunzipSync(packed, { maxOutputLength: 16 * 2 ** 20 })
        .toString('utf8')
        .split('\n');
    } catch (cause) {
      throw new FreebindError('FREEBIND_FILE_INVALID', `${path} could not be unpacked; it is damaged. Get it again.`, {
        cause,
      });
    }
    if (lines.length <= MERGES)
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} has ${lines.length} lines, but CLIP's vocabulary has over ${MERGES}. Get it again.`,
      );
    return new ClipTokenizer(lines.slice(1, MERGES + 1));
  }

  /** 77 ids: the start mark, the text, the end mark, zeros. A text that is too long is cut and still ends in the end mark (ImageBind `multimodal_preprocessors.py` since 2025; before, it was cut bare). */
  encode(text: string): BigInt64Array {
    const { ids } = this.#tokenizer.encode(cleanText(text), { add_special_tokens: false });
    const padded = new BigInt64Array(CONTEXT);
    [this.#start, ...ids.slice(0, CONTEXT - 2), this.#end].forEach((id, i) => (padded[i] = BigInt(id)));
    return padded;
  }
}

/** A printable letter for each byte, in the vocabulary's order: those that print stand for themselves, the rest from U+0100 on (`bytes_to_unicode`). */
function byteLetters(): readonly string[] {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  return [
    ...all.filter((byte) => prints(byte)).map((byte) => String.fromCodePoint(byte)),
    ...all.filter((byte) => !prints(byte)).map((_, i) => String.fromCodePoint(256 + i)),
  ];
}

function prints(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}
