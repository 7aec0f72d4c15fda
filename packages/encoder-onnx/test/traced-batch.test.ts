import { describe, expect, test } from 'vitest';
import { goldenPath } from '../../../test/golden/folder.ts';
import { type Feed, OnnxEncoder, tracedBatch } from '../src/index.ts';

const [ROW, DIMENSION] = [1001 * 64, 16];
const feeds = (rows: number): Readonly<Record<string, Feed>> => ({
  input_features: {
    type: 'float32',
    dims: [rows, 1, 1001, 64],
    data: Float32Array.from(
      { length: rows * ROW },
      (_, i) => -50 + 40 * Math.sin((i % ROW) * (1 + Math.floor(i / ROW))),
    ),
  },
});

const unfused = async (): Promise<string> => goldenPath('models/clap_unfused_audio.onnx');

test.for([
  ['models/clap_fused_audio.onnx', 2],
  ['models/clap_unfused_audio.onnx', 2],
  ['models/clap_text.onnx', undefined],
  ['models/imagebind_vision.onnx', undefined],
] as const)('%s is right for batches of %s', async ([file, size]) => {
  expect(await tracedBatch(goldenPath(file))).toBe(size);
});

test('a file that is no graph has none', async () => {
  expect(await tracedBatch(goldenPath('vocab/roberta-base/merges.txt'))).toBeUndefined();
});

describe('a graph that was traced with two sounds', () => {
  test('gives the same row for a sound alone, in a pair and in any company', async () => {
    const contract = {
      inputs: { input_features: { type: 'float32', dims: ['batch', 1, 1001, 64] } },
      output: 'audio_embeds',
      dimension: DIMENSION,
    } as const;
    const encoder = new OnnxEncoder({ path: unfused, contract, threads: 1, rows: tracedBatch });
    try {
      const pair = (await encoder.run(feeds(2))).data;
      for (const rows of [1, 3]) {
        const { data, dims } = await encoder.run(feeds(rows));
        expect(dims).toEqual([rows, DIMENSION]);
        const shared = Math.min(rows, 2) * DIMENSION;
        // The same graph at the same size: the same arithmetic.
        expect(data.subarray(0, shared)).toEqual(pair.subarray(0, shared));
      }
    } finally {
      await encoder.close();
    }
  });
});
