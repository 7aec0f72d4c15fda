import * as fc from 'fast-check';
import { JsonTokenizer } from '../../packages/space-onnx/test/parsers.ts';
import { damaged } from '../damage.ts';
import type { Reader } from '../reader.ts';

const junk = fc.oneof(fc.constantFrom(null, 0, -1, '', 'x', [], {}, true), fc.jsonValue({ maxDepth: 2 }));
/** What is right in most cases. */
const mostly = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: right }, junk);
const word = fc.oneof(
  fc.constantFrom('a', 'b', '##b', 'ab', 'Ġa', '▁', '[UNK]', '[CLS]', '[SEP]', '', '__proto__', 'constructor', '🍎'),
  fc.string({ maxLength: 4 }),
);
const id = fc.oneof({ weight: 8, arbitrary: fc.nat(40) }, fc.constantFrom(-1, 0.5, 2 ** 53, 1e300));
/** Most have what texts without any known word need. */
const vocab = fc
  .tuple(
    fc.dictionary(word, id, { maxKeys: 12 }),
    fc.oneof({ weight: 4, arbitrary: fc.constant({ '[UNK]': 1, a: 4, b: 5 }) }, fc.constant({})),
  )
  .map(([words, usual]) => ({ ...words, ...usual }));
const bpe = fc.record({
  type: fc.constant('BPE'),
  vocab: mostly(vocab),
  merges: mostly(
    fc.array(fc.oneof({ weight: 5, arbitrary: fc.tuple(word, word) }, fc.constantFrom('a b', 'a', ' ')), {
      maxLength: 6,
    }),
  ),
  unk_token: mostly(fc.constant('[UNK]')),
  end_of_word_suffix: fc.constantFrom('', '</w>', null),
  byte_fallback: fc.boolean(),
});
const wordPiece = fc.record({
  type: fc.constant('WordPiece'),
  vocab: mostly(vocab),
  unk_token: mostly(fc.constant('[UNK]')),
  continuing_subword_prefix: fc.constantFrom('##', '', null),
  max_input_chars_per_word: mostly(fc.constant(100)),
});
const unigram = fc.record({
  type: fc.constant('Unigram'),
  vocab: mostly(fc.array(fc.tuple(word, fc.double()), { maxLength: 12 })),
  unk_id: fc.constantFrom(0, 1, 99, null),
});
// No regular expression is among them: one that backtracks for ever makes any tokenizer hang.
const normaliser = fc.constantFrom(
  null,
  { type: 'NFC' },
  { type: 'Lowercase' },
  { type: 'BertNormalizer', lowercase: true },
  { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }] },
  { type: 'Prepend', prepend: '▁' },
  { type: 'Precompiled', precompiled_charsmap: null },
);
const splitter = fc.constantFrom(
  null,
  { type: 'BertPreTokenizer' },
  { type: 'Whitespace' },
  { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
  { type: 'Telepathy' },
);
const marker = fc.constantFrom(
  null,
  { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  { type: 'RobertaProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2], trim_offsets: true, add_prefix_space: true },
  { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: {} },
  { type: 'BertProcessing' },
);
const files = fc
  .record({
    model: mostly(fc.oneof(bpe, wordPiece, unigram)),
    added_tokens: mostly(
      fc.array(
        fc.record({ id, content: word, special: fc.boolean(), lstrip: fc.boolean(), normalized: fc.boolean() }),
        {
          maxLength: 3,
        },
      ),
    ),
    normalizer: mostly(normaliser),
    pre_tokenizer: mostly(splitter),
    post_processor: mostly(marker),
    decoder: fc.constant(null),
  })
  .map((json) => new TextEncoder().encode(JSON.stringify(json)));

export const tokenizerJson: Reader = {
  name: 'tokenizer-json',
  extension: 'json',
  inputs: damaged(files),
  read: async (path) => {
    const tokenizer = await JsonTokenizer.open(path, { length: 8, pad: 0 });
    for (const text of ['', 'a', 'ab ab', 'a\ud800🍎', 'a b '.repeat(25)]) {
      const { ids } = tokenizer.encode(text);
      if (ids.length !== 8) throw new Error(`"${text}" has ${ids.length} ids`);
    }
  },
};
