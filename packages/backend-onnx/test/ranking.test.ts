import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFreebindError, type Matrix, matrix, normalMatrix, random, type Table, tableOf } from '@freebind/core';
import { openNpy, writeNpy } from '@freebind/core/files';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OnnxBackend } from '../src/onnx-backend.ts';
import { Ranking } from '../src/ranking.ts';

/** Whole numbers in a small range, so that many scores tie and sums are exact. */
function whole(rows: number, cols: number, name: string): Matrix {
  const draw = random(name);
  return matrix(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => draw.below(5) - 2),
  );
}

/** The `k` best of each query by sorting all of them. */
function sorted(queries: Matrix, keys: Matrix, k: number): readonly (readonly number[])[] {
  return Array.from({ length: queries.rows }, (_, q) => {
    const scores = Array.from({ length: keys.rows }, (__, m) => {
      let sum = 0;
      for (let c = 0; c < keys.cols; c++)
        sum += (queries.data[q * keys.cols + c] ?? 0) * (keys.data[m * keys.cols + c] ?? 0);
      return sum;
    });
    return Array.from(scores.keys())
      .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
      .slice(0, k);
  });
}

const rankingOf = (indices: Int32Array, k: number): readonly (readonly number[])[] =>
  Array.from({ length: indices.length / k }, (_, q) => [...indices.subarray(q * k, (q + 1) * k)]);

describe('a ranking', () => {
  test.each([1, 2, 3, 7, 50, 64])('of %i keeps the best, the earlier key where scores tie', (k) => {
    const draw = random('ranking', k);
    const scores = Float32Array.from({ length: 64 }, () => draw.below(9));
    const ranking = new Ranking(1, k);
    for (let start = 0; start < 64; start += 16)
      ranking.add({ type: 'float32', dims: [16, 1], data: scores.slice(start, start + 16) }, start, 0);
    const best = Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
    const found = ranking.finish();
    expect([...found.indices]).toEqual(best.slice(0, k));
    expect([...found.scores.data]).toEqual(best.slice(0, k).map((i) => scores[i]));
  });

  test.each([0, 5])('refuses a score that is NaN, here of key %i', (key) => {
    const data = new Float32Array(8);
    data[key] = Number.NaN;
    const ranking = new Ranking(1, 2);
    expect(() => ranking.add({ type: 'float32', dims: [8, 1], data }, 0, 0)).toThrow(
      expect.objectContaining({ code: 'FREEBIND_NUMBER_INVALID' }),
    );
  });
});

describe('the best rows of a bank in a file', () => {
  let folder: string;
  let backend: OnnxBackend;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'freebind-ranking-'));
    backend = await OnnxBackend.start({ threads: 2 });
  });
  afterAll(async () => {
    await backend.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['f2', 'f4', 'f8'] as const)('are those of its rows in memory, where it is %s', async (dtype) => {
    // Three tiles and more queries than a block has.
    const [keys, queries] = [whole(9000, 4, dtype), whole(1030, 4, 'queries')];
    const path = join(folder, `${dtype}.npy`);
    await writeNpy(path, keys, { dtype });
    const table = await openNpy(path);
    const runner = await backend.openBank({ keys: table });
    const { indices } = await runner.topK(queries, 5);
    const again = await runner.topK(queries, 5);
    await runner.close();
    await table.close();
    expect(rankingOf(indices, 5)).toEqual(sorted(queries, keys, 5));
    expect(again.indices).toEqual(indices);
  });

  test('are found where a width is padded in memory and not from a file', async () => {
    const [keys, queries] = [normalMatrix(300, 1024, random('wide')), normalMatrix(3, 1024, random('wide queries'))];
    const path = join(folder, 'wide.npy');
    await writeNpy(path, keys);
    const table = await openNpy(path);
    const rank = async (of: Table): Promise<Int32Array> => {
      const runner = await backend.openBank({ keys: of });
      const { indices } = await runner.topK(queries, 20);
      await runner.close();
      return indices;
    };
    expect(await rank(table)).toEqual(await rank(tableOf(keys)));
    await table.close();
  });

  test('are refused as NaN where a row is', async () => {
    const keys = whole(10, 4, 'damaged');
    keys.data[21] = Number.NaN;
    const runner = await backend.openBank({ keys: tableOf(keys) });
    const error: unknown = await runner.topK(whole(2, 4, 'queries'), 3).catch((thrown: unknown) => thrown);
    await runner.close();
    expect(isFreebindError(error, 'FREEBIND_NUMBER_INVALID')).toBe(true);
    expect(error).toHaveProperty('message', expect.stringMatching(/row 5 of the bank/));
  });
});
