import { describe, expect, test } from 'vitest';
import { RobertaTokenizer } from '@freebind/space-clap';
import { ClipTokenizer } from '@freebind/space-imagebind';
import { InternvlTokenizer } from '@freebind/space-internvl';
import { goldenPath, readJson } from './folder.ts';

interface Tokens {
  readonly text: string;
  readonly imagebind_clip_bpe: readonly number[];
  readonly roberta_input_ids: readonly number[];
  readonly roberta_attention_mask_sum: number;
  readonly internvl_llama: readonly number[];
}

const cases = await readJson<readonly Tokens[]>('preprocess/tokens.json');
const clip = await ClipTokenizer.open(goldenPath('vocab/clip-bpe/bpe_simple_vocab_16e6.txt.gz'));
const roberta = await RobertaTokenizer.open(
  goldenPath('vocab/roberta-base/vocab.json'),
  goldenPath('vocab/roberta-base/merges.txt'),
);
const internvl = await InternvlTokenizer.open(goldenPath('vocab/internvl-llama/tokenizer.model'));
const numbers = (ids: BigInt64Array): readonly number[] => Array.from(ids, Number);

describe.each(cases.map((one) => [one.text.slice(0, 40), one] as const))(
  'the ids of %j are the official ones',
  (_, one) => {
    test("of ImageBind's tokenizer", () => {
      expect(numbers(clip.encode(one.text))).toEqual(one.imagebind_clip_bpe);
    });

    test("of CLAP's tokenizer, with its mask", () => {
      const { ids, mask } = roberta.encode(one.text);
      expect(numbers(ids)).toEqual(one.roberta_input_ids);
      expect(numbers(mask).reduce((a, b) => a + b, 0)).toBe(one.roberta_attention_mask_sum);
    });

    test("of InternVL-C's tokenizer", () => {
      expect(numbers(internvl.encode(one.text))).toEqual(one.internvl_llama);
    });
  },
);
