import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { matrix, type Matrix, normaliseRows } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { type Table, tableOf } from '../table.ts';
import { type CollectOptions, collectPseudoPairs, type PseudoPairs } from './collect.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'freebind-pairs-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

const unit = (rows: number, cols: number, name: string): Matrix => {
  const { data } = normalMatrix(rows, cols, random('collect', name));
  return normaliseRows(matrix(rows, cols, Float64Array.from(data)));
};
const data = {
  u: { audio: unit(9, 6, 'ua'), image: unit(11, 6, 'ui'), text: unit(7, 6, 'ut') },
  e: { image: unit(11, 4, 'ei'), text: unit(7, 4, 'et') },
};
const tables = (space: Readonly<Record<string, Matrix>>): Record<string, Table> =>
  Object.fromEntries(Object.entries(space).map(([modality, rows]) => [modality, tableOf(rows, `${modality}.npy`)]));

function options(changes: Partial<CollectOptions> = {}): CollectOptions {
  return {
    unified: { space: 'u', tables: tables(data.u) },
    expert: { space: 'e', tables: tables(data.e) },
    backend: new ReferenceBackend({ precision: 'float64' }),
    folder,
    ...changes,
  };
}

async function collect(given: CollectOptions): Promise<PseudoPairs & { readonly reused: boolean }> {
  const run = collectPseudoPairs(given);
  let reused = false;
  for (;;) {
    const next = await run.next();
    if (next.done) return { ...next.value, reused };
    if (next.value.type === 'done') reused = next.value.reused === true;
  }
}

/** agg(q; K, X) = Σ softmax(q·K/τ)·X, normalised, as METHOD writes it. */
function aggregate(queries: Matrix, keys: Matrix, values: Matrix, temperature = 0.01): number[] {
  const out: number[] = [];
  for (let q = 0; q < queries.rows; q++) {
    const weights = Array.from({ length: keys.rows }, (_, j) => {
      let dot = 0;
      for (let c = 0; c < keys.cols; c++)
        dot += (queries.data[q * keys.cols + c] ?? 0) * (keys.data[j * keys.cols + c] ?? 0);
      return Math.exp((dot - 1) / temperature);
    });
    const total = weights.reduce((a, b) => a + b, 0);
    const row = Array.from({ length: values.cols }, (_, c) =>
      weights.reduce((sum, w, j) => sum + (w / total) * (values.data[j * values.cols + c] ?? 0), 0),
    );
    const norm = Math.hypot(...row);
    out.push(...row.map((x) => x / norm));
  }
  return out;
}

async function rowsOf(table: Table | undefined): Promise<readonly number[]> {
  return [...((await table?.read(0, table.rows))?.data ?? [])];
}

function rowOf({ data, cols }: Matrix, row: number): readonly number[] {
  return [...data.subarray(row * cols, (row + 1) * cols)];
}

/** Both sides are float64 sums of a few dozen terms of size 1. */
function near(wanted: ArrayLike<number>): readonly unknown[] {
  return Array.from(wanted, (x) => expect.closeTo(x, 12));
}

test('gives the tuples of the three cases, each column aligned with its source', async () => {
  const { tuples, close } = await collect(options());
  const { u, e } = data;
  // Case 1: every other modality of the unified space.
  expect(await rowsOf(tuples.audio?.unified.image)).toEqual(near(aggregate(u.audio, u.image, u.image)));
  expect(await rowsOf(tuples.image?.unified.audio)).toEqual(near(aggregate(u.image, u.audio, u.audio)));
  // Case 2: the expert embeds the source.
  expect(await rowsOf(tuples.text?.expert.image)).toEqual(near(aggregate(e.text, e.image, e.image)));
  // Case 3: it does not, so weights from the unified space carry its rows.
  expect(await rowsOf(tuples.audio?.expert.image)).toEqual(near(aggregate(u.audio, u.image, e.image)));
  expect(await rowsOf(tuples.audio?.expert.text)).toEqual(near(aggregate(u.audio, u.text, e.text)));
  // The source's own rows are its own.
  expect(await rowsOf(tuples.audio?.unified.audio)).toEqual(near(u.audio.data));
  expect(await rowsOf(tuples.text?.expert.text)).toEqual(near(e.text.data));
  for (const [source, { unified, expert }] of Object.entries(tuples)) {
    const rows = { audio: 9, image: 11, text: 7 }[source];
    expect(Object.values({ ...unified, x: expert.image, y: expert.text }).map((table) => table?.rows)).toEqual(
      Array.from({ length: 5 }, () => rows),
    );
  }
  await close();
});

test('works for any modalities, and fills what the expert alone embeds where it can', async () => {
  const unified = { space: 'u', tables: tables({ smell: unit(5, 3, 's'), touch: unit(6, 3, 't') }) };
  const expert = { space: 'e', tables: tables({ touch: unit(6, 2, 'et'), taste: unit(4, 2, 'ea') }) };
  const { tuples, close } = await collect(options({ unified, expert }));
  expect(Object.keys(tuples.touch?.expert ?? {})).toEqual(['touch', 'taste']);
  expect(Object.keys(tuples.smell?.expert ?? {})).toEqual(['touch']);
  await close();
});

test('goes on with the files that are missing and touches no other', async () => {
  await (await collect(options())).close();
  const audio = join(folder, 'audio');
  const before = await stat(join(audio, 'u.text.npy'));
  await rm(join(audio, 'u.image.npy'));
  const again = await collect(options());
  expect(again.reused).toBe(false);
  expect((await stat(join(audio, 'u.text.npy'))).mtimeMs).toBe(before.mtimeMs);
  expect(await rowsOf(again.tuples.audio?.unified.image)).toEqual(
    near(aggregate(data.u.audio, data.u.image, data.u.image)),
  );
  await again.close();
  const third = await collect(options());
  expect(third.reused).toBe(true);
  await third.close();
});

test('a bank may be a sample, the same items in both spaces', async () => {
  const { tuples, close } = await collect(options({ bank: 1, seed: 4 }));
  const image = random(4, 'bank', 'image').permutation(11)[0] ?? 0;
  expect(await rowsOf(tuples.audio?.expert.image)).toEqual(
    near(Array.from({ length: 9 }, () => rowOf(data.e.image, image)).flat()),
  );
  expect(await rowsOf(tuples.text?.unified.image)).toEqual(
    near(Array.from({ length: 7 }, () => rowOf(data.u.image, image)).flat()),
  );
  await close();
});

test('leaves rows as they are averaged when asked', async () => {
  const { tuples, close } = await collect(options({ normalise: false, temperature: 1 }));
  const rows = await tuples.audio?.unified.text?.read(0, 1);
  expect(Math.hypot(...(rows?.data ?? []))).toBeLessThan(0.9);
  await close();
});

test('asks for rows in tiles, however many there are', async () => {
  const asked: number[] = [];
  /** Made as they are read, so that the test itself holds no more than a tile. */
  const endless = (rows: number, cols: number): Table => {
    const read = async (start: number, end: number): Promise<Matrix> => {
      asked.push(end - start);
      return matrix(end - start, cols, new Float32Array((end - start) * cols).fill(1 / Math.sqrt(cols)));
    };
    return { rows, cols, source: 'endless', read, gather: (indices) => read(0, indices.length) };
  };
  const unified = { space: 'u', tables: { audio: endless(20_001, 4), text: tableOf(unit(3, 4, 'few')) } };
  const expert = { space: 'e', tables: { text: tableOf(unit(3, 2, 'fewer')) } };
  const { tuples, close } = await collect(options({ unified, expert, sources: ['audio'] }));
  expect(tuples.audio?.expert.text?.rows).toBe(20_001);
  expect(Math.max(...asked)).toBe(4096);
  await close();
});

test('tables that a run finished and was killed before it kept them as pieces are kept by the next', async () => {
  const reuse = { folder: join(folder, 'reuse'), fingerprints: {} };
  const collect = async (): Promise<readonly string[]> => {
    const run = collectPseudoPairs(options({ reuse }));
    for (;;) {
      const { done, value } = await run.next();
      if (done !== true) continue;
      await value.close();
      return readdir(reuse.folder);
    }
  };
  const pieces = await collect();
  expect(pieces.length).toBeGreaterThan(0);
  await rm(reuse.folder, { recursive: true });
  expect(await collect()).toEqual(pieces);
});

test('an abort keeps finished tables and leaves nothing half-written', async () => {
  const stop = new AbortController();
  const run = collectPseudoPairs(options({ signal: stop.signal }));
  await run.next();
  await run.next();
  stop.abort();
  await expect(run.next()).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.includes('.'));
  expect(files.every((name) => /^(audio|image|text)\/[ue]\.(audio|image|text)\.npy(\.sha256)?$/.test(name))).toBe(true);
});

test('a row that is not a unit row is named with its table', async () => {
  const image = { ...data.u.image, data: data.u.image.data.slice() };
  image.data.fill(0, 4 * 6, 5 * 6);
  const unified = { space: 'u', tables: tables({ ...data.u, image }) };
  await expect(collect(options({ unified }))).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 4 of image\.npy is all zeros/),
  });
});
