import { readFile } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import { SentencePiece } from './sentencepiece.ts';

/** Tokens of a text, padded (OpenGVLab/InternVL `tokenization_internvl.py`; FreeBind `models/experts.py`: max_length 80). */
export const CONTEXT = 80;
/** What the text encoder was trained with in front of every text. */
const PREFIX = 'summarize:';
/** Llama's marks. The padding is 0, not the model's own `[PAD]` (49953): the graph masks ids > 0 and would read those. */
const [START, END] = [1, 2];
/** Ids that are kept of a text, besides `<s>` before and `</s>` after them. */
export const MOST = 78;

/** InternVL-C's tokenizer: the Chinese Alpaca's SentencePiece model. */
export class InternvlTokenizer {
  readonly #pieces: SentencePiece;

  private constructor(pieces: SentencePiece) {
    this.#pieces = pieces;
  }

  /** Reads `tokenizer.model`. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
  static async open(path: string): Promise<InternvlTokenizer> {
    const model = await readFile(path).catch((cause: unknown) => {
      throw new FreebindError('FREEBIND_FILE_MISSING', `There is no vocabulary ${path}.`, { cause });
    });
    return new InternvlTokenizer(new SentencePiece(model, path));
  }

  /** 80 ids: `<s>`, the text after `summarize:`, `</s>`, zeros. */
  encode(text: string): BigInt64Array {
    const ids = [START, ...this.#pieces.encode(`${PREFIX}${text}`).slice(0, MOST)];
    const padded = new BigInt64Array(CONTEXT);
    [...ids, END].forEach((id, i) => (padded[i] = BigInt(id)));
    return padded;
  }
}
