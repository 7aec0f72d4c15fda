import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { JsonTokenizer } from './json-tokenizer.ts';

const dir = mkdtempSync(join(tmpdir(), 'freebind-tokenizer-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const vocab: Readonly<Record<string, number>> = { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, a: 4, b: 5, c: 6 };
const words = (unknown: string) => ({
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  decoder: null,
  model: { type: 'WordPiece', unk_token: unknown, continuing_subword_prefix: '##', max_input_chars_per_word: 9, vocab },
});
let files = 0;
async function open(json: unknown, length: number): Promise<JsonTokenizer> {
  const path = join(dir, `${files++}.json`);
  writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json));
  return JsonTokenizer.open(path, { length, pad: 0 });
}
const numbers = (ids: BigInt64Array): readonly number[] => Array.from(ids, Number);

test('fills short texts up and says where they end', async () => {
  const { ids, mask } = (await open(words('[UNK]'), 6)).encode('a x');
  expect([numbers(ids), numbers(mask)]).toEqual([
    [2, 4, 1, 3, 0, 0],
    [1, 1, 1, 1, 0, 0],
  ]);
});

test('cuts long texts between their marks', async () => {
  expect(numbers((await open(words('[UNK]'), 4)).encode('a b c a b c').ids)).toEqual([2, 4, 5, 3]);
  expect(numbers((await open(words('[UNK]'), 2)).encode('a b c').ids)).toEqual([2, 3]);
});

test.each<readonly [fault: string, json: unknown]>([
  ['is no JSON', '{'],
  ['is no tokenizer', '{}'],
  ['is a list', '[]'],
  ['is of a kind that nobody knows', { ...words('[UNK]'), model: { type: 'Telepathy', vocab } }],
  ...[{}, '9', 1001, -1, 1.5].map(
    (longest) =>
      [
        `has words of ${JSON.stringify(longest)} characters`,
        { ...words('[UNK]'), model: { ...words('[UNK]').model, max_input_chars_per_word: longest } },
      ] as const,
  ),
])('refuses a file that %s', async (_, json) => {
  await expect(open(json, 4)).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
});

test('refuses to read what is not there', async () => {
  await expect(JsonTokenizer.open(join(dir, 'none.json'), { length: 4, pad: 0 })).rejects.toMatchObject({
    code: 'FREEBIND_FILE_MISSING',
  });
});
