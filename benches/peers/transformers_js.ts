// The tokenizers of transformers.js, as it opens CLIP's and roberta-base's `tokenizer.json`. It brings onnxruntime for the web, which
// is why this repository does not install it: `npm install --no-save @huggingface/transformers` does.
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { answerLines } from '../conversation.ts';
import { readList } from '../tasks/preprocess-files.ts';

type Tokenizer = (
  text: string,
  options: { readonly padding: 'max_length'; readonly truncation: true; readonly max_length: number },
) => { readonly input_ids: { readonly data: BigInt64Array } };

interface Transformers {
  readonly PreTrainedTokenizer: new (tokenizer: unknown, config: unknown) => Tokenizer;
  readonly env: { readonly version: string };
}

type Files = Readonly<Record<string, string>>;

const name = '@huggingface/transformers'; // unknown to the compiler, where it is not installed
const { PreTrainedTokenizer, env } = (await import(name)) as Transformers; // as its documentation says

const BYTES = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true } as const;

/** Bytes that stand for themselves in a vocabulary of byte pairs. */
function prints(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
}

/** openai/clip-vit's `tokenizer.json`, but padded with 0, as ImageBind's tokens are. */
async function clip({ merges: path = '' }: Files): Promise<Tokenizer> {
  const lines = gunzipSync(await readFile(path))
    .toString()
    .split('\n')
    .slice(1, 49_152 - 256 - 2 + 1);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const letters = [
    ...bytes.filter(prints).map((byte) => String.fromCodePoint(byte)),
    ...bytes.filter((byte) => !prints(byte)).map((_, i) => String.fromCodePoint(256 + i)),
  ];
  const marks = ['<|startoftext|>', '<|endoftext|>'] as const;
  const tokens = [
    ...letters,
    ...letters.map((one) => `${one}</w>`),
    ...lines.map((one) => one.replace(' ', '')),
    ...marks,
  ];
  const [start, end] = [tokens.length - 2, tokens.length - 1];
  return tokenizer({
    added: { [marks[0]]: start, [marks[1]]: end },
    pad: '!',
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: String.raw`\s+` }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    split: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+` },
          behavior: 'Removed',
          invert: true,
        },
        BYTES,
      ],
    },
    ends: { cls: [marks[0], start], sep: [marks[1], end] },
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: lines,
    suffix: '</w>',
  });
}

/** roberta-base's `tokenizer.json`. */
async function roberta({ vocab = '', merges = '' }: Files): Promise<Tokenizer> {
  const lines = (await readFile(merges, 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#version'));
  return tokenizer({
    added: { '<s>': 0, '<pad>': 1, '</s>': 2 },
    pad: '<pad>',
    normalizer: null,
    split: BYTES,
    ends: { cls: ['<s>', 0], sep: ['</s>', 2] },
    vocab: JSON.parse(await readFile(vocab, 'utf8')),
    merges: lines,
    suffix: '',
  });
}

function tokenizer(parts: {
  readonly added: Readonly<Record<string, number>>;
  readonly pad: string;
  readonly normalizer: unknown;
  readonly split: unknown;
  readonly ends: { readonly cls: readonly [string, number]; readonly sep: readonly [string, number] };
  readonly vocab: unknown;
  readonly merges: readonly string[];
  readonly suffix: string;
}): Tokenizer {
  const { added, pad, normalizer, split, ends, vocab, merges, suffix } = parts;
  const json = {
    added_tokens: Object.entries(added).map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer,
    pre_tokenizer: split,
    post_processor: { type: 'RobertaProcessing', trim_offsets: false, add_prefix_space: false, ...ends },
    decoder: null,
    model: {
      type: 'BPE',
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: suffix,
      fuse_unk: false,
      vocab,
      merges,
    },
  };
  return new PreTrainedTokenizer(json, { pad_token: pad, model_max_length: 77 });
}

const OPEN: Readonly<Record<string, (files: Files) => Promise<Tokenizer>>> = {
  'preprocess/imagebind-text': clip,
  'preprocess/clap-text': roberta,
};

let run: (() => number) | undefined;

await answerLines(async (request) => {
  switch (request['do']) {
    case 'open': {
      const files = request['files'] as Files; // what contenders.ts sent
      const [encode, lines] = [await OPEN[String(request['task'])]?.(files), await readList(files['list'])];
      run = () => {
        let sum = 0;
        for (const line of lines) {
          const ids = encode?.(line, { padding: 'max_length', truncation: true, max_length: 77 }).input_ids.data ?? [];
          for (const id of ids) sum += Number(id);
        }
        return sum;
      };
      return { name: `transformers.js ${env.version}`, mib: process.memoryUsage().rss / 2 ** 20 };
    }
    case 'run': {
      const start = performance.now();
      const check = run?.();
      return { ms: performance.now() - start, check };
    }
    default:
      return { mib: process.resourceUsage().maxRSS / 1024 };
  }
});
