import { readFile } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import { Tokenizer } from '@huggingface/tokenizers';

/** Ids of a text and which of them are not padding: `length` of each. */
export interface TokenIds {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
}

/** How a text becomes as many tokens as its encoder reads. */
export interface TokenLength {
  readonly length: number;
  /** Id that short texts are filled up with. */
  readonly pad: number;
}

/** Kinds of models that the library has; of others it makes what they may have been in older files. */
const KINDS: readonly unknown[] = ['BPE', 'WordPiece', 'Unigram'];

/** Longest word that a WordPiece may take apart: time and memory go by its square. Files say 100 or 200. */
const LONGEST_WORD = 1000;

/** A `tokenizer.json` of Hugging Face's tokenizers: BPE, WordPiece or Unigram with its own normaliser and marks. */
export class JsonTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #size: TokenLength;
  readonly #path: string;

  private constructor(tokenizer: Tokenizer, size: TokenLength, path: string) {
    this.#tokenizer = tokenizer;
    this.#size = size;
    this.#path = path;
  }

  /** @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
  static async open(path: string, size: TokenLength): Promise<JsonTokenizer> {
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new FreebindError('FREEBIND_FILE_MISSING', `There is no vocabulary ${path}.`, { cause });
    });
    try {
      const json = JSON.parse(text) as object; // whatever it is, its kind is asked first
      const { type, max_input_chars_per_word: longest = 1 } = modelOf(json);
      if (!KINDS.includes(type))
        throw new Error(`its model is ${JSON.stringify(type) ?? 'missing'}, expected ${KINDS.join(', ')}`);
      if (!(Number.isSafeInteger(longest) && Number(longest) >= 0 && Number(longest) <= LONGEST_WORD))
        throw new Error(
          `its max_input_chars_per_word is ${JSON.stringify(longest)}, expected a whole number of at most ${LONGEST_WORD}`,
        );
      const tokenizer = new JsonTokenizer(new Tokenizer(json, {}), size, path);
      tokenizer.encode('a');
      return tokenizer;
    } catch (cause) {
      if (cause instanceof FreebindError) throw cause;
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} is no tokenizer.json that can be read (${cause instanceof Error ? cause.message : String(cause)}). Get it again from its source.`,
        { cause },
      );
    }
  }

  /** A text that is too long is cut within its marks, as the original library does: what ends a text still ends it. @throws FREEBIND_FILE_INVALID for ids that are none */
  encode(text: string): TokenIds {
    const { length, pad } = this.#size;
    const ids = this.#cut(text.toWellFormed(), length);
    if (!ids.every((id) => Number.isSafeInteger(id) && id >= 0))
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${this.#path} has no id for a token of a text, and none for unknown ones. Use the vocabulary that the model was trained with.`,
      );
    const padded = new BigInt64Array(length).fill(BigInt(pad));
    ids.forEach((id, i) => (padded[i] = BigInt(id)));
    return { ids: padded, mask: BigInt64Array.from({ length }, (_, i) => (i < ids.length ? 1n : 0n)) };
  }

  #cut(text: string, length: number): readonly number[] {
    const marked: readonly number[] = this.#tokenizer.encode(text).ids;
    if (marked.length <= length) return marked;
    const bare: readonly number[] = this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
    const marks = marked.length - bare.length;
    // Where the text begins between its marks: the first place where all of it fits.
    const before = Array.from({ length: marks + 1 }, (_, i) => i).find((i) =>
      bare.every((id, j) => marked[i + j] === id),
    );
    const start = before ?? 0;
    return [
      ...marked.slice(0, start),
      ...bare.slice(0, Math.max(length - marks, 0)),
      ...marked.slice(start + bare.length),
    ].slice(0, length);
  }
}

function modelOf(json: unknown): Readonly<Record<string, unknown>> {
  const model: unknown = typeof json === 'object' && json !== null && 'model' in json ? json.model : undefined;
  return typeof model === 'object' && model !== null ? { ...model } : {};
}
