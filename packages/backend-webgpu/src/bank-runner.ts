import {
  type BankRunner,
  checkAggregationTemperature,
  FreebindError,
  type Matrix,
  matrix,
  sliceRows,
  type Table,
} from '@freebind/core';
import { BankTiles, type BankTile } from './bank-tiles.ts';
import type { Engine } from './engine.ts';
import { divideRows } from './kernels/divide-rows.ts';
import { matmul } from './kernels/matmul.ts';
import { soften } from './kernels/soften.ts';
import { type Best, topK } from './kernels/top-k.ts';
import type { Lifetime } from './lifetime.ts';
import { Memory, write } from './memory.ts';
import { Plan, submitAndRead } from './plan.ts';
import { notANumber, Ranking } from './ranking.ts';
import { NUMBER, type Rows, sliceOf } from './rows.ts';

/** Queries of one product: with a tile of keys their scores are 16 MiB. */
const BLOCK_ROWS = 1024;
/** A larger k is merged on the host: the kernel walks over the scores k times. */
const LARGEST_DEVICE_K = 256;

/** A memory bank in tiles, each of which meets all queries before the next is read. */
export class WebgpuBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #width: number;
  readonly #tiles: BankTiles;
  readonly #engine: Engine;
  readonly #lifetime: Lifetime;

  private constructor(keys: Table, width: number, tiles: BankTiles, engine: Engine, lifetime: Lifetime) {
    this.#keys = keys;
    this.#width = width;
    this.#tiles = tiles;
    this.#engine = engine;
    this.#lifetime = lifetime;
  }

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  static async open(
    { keys, values }: { readonly keys: Table; readonly values?: Table },
    engine: Engine,
    lifetime: Lifetime,
  ): Promise<WebgpuBankRunner> {
    if (keys.rows === 0)
      throw new FreebindError('FREEBIND_SHAPE_MISMATCH', `The bank ${keys.source} has no rows; give at least one.`);
    if (values !== undefined && values.rows !== keys.rows) {
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `The bank's keys ${keys.source} have ${keys.rows} rows, but its values ${values.source} have ${values.rows}; row i of both must be one item.`,
      );
    }
    const tiles = await BankTiles.open(engine, keys, values, () => lifetime.check());
    return new WebgpuBankRunner(keys, (values ?? keys).cols, tiles, engine, lifetime);
  }

  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    checkAggregationTemperature(temperature);
    this.#check(queries);
    // Below the smallest normal number 1/τ would overflow; its weights are those of the nearest neighbour long before.
    const coldness = 1 / Math.max(temperature, 2 ** -126);
    const out = matrix(queries.rows, this.#width);
    await this.#eachChunk(queries, this.#width, async ({ memory, rows, scores, first }) => {
      const { device } = this.#engine;
      const state = await device.guard('An aggregation', () => ({
        sum: memory.take('weighted sums', rows.rows, this.#width),
        maxima: memory.take('maxima', rows.rows, 1),
        sums: memory.take('sums', rows.rows, 1),
        rescale: memory.take('rescale', rows.rows, 1),
      }));
      await this.#eachTile(rows, scores, (plan, tile, { block, start, end }) => {
        const [sum, maxima, sums, rescale] = [state.sum, state.maxima, state.sums, state.rescale].map((whole) =>
          sliceOf(whole, start, end),
        ) as [Rows, Rows, Rows, Rows]; // four of four
        const isFirst = tile.start === 0;
        soften(plan, block, { maxima, sums, rescale }, { coldness, isFirst });
        matmul(plan, { a: block, b: tile.values, out: sum, ...(isFirst ? {} : { rescale }) });
      });
      const [bytes] = await this.#read((plan) => divideRows(plan, state.sum, state.sums), [state.sum]);
      out.data.set(new Float32Array(bytes ?? new ArrayBuffer(0)), first * this.#width);
    });
    return out;
  }

  async scores(queries: Matrix): Promise<Matrix> {
    const out = matrix(queries.rows, this.#keys.rows);
    await this.#eachScores(queries, (scores, first, start) => {
      const cols = scores.cols;
      for (let r = 0; r < scores.rows; r++)
        out.data.set(scores.data.subarray(r * cols, (r + 1) * cols), (first + r) * out.cols + start);
    });
    return out;
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1)
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    const width = Math.min(k, this.#keys.rows);
    const ranking = new Ranking(queries.rows, width);
    if (width > LARGEST_DEVICE_K) {
      await this.#eachScores(queries, (scores, first, start) => ranking.merge(scores, first, start));
    } else {
      this.#check(queries);
      await this.#eachChunk(queries, 2 * width, (chunk) => this.#rank(chunk, ranking));
    }
    return { indices: ranking.indices, scores: matrix(queries.rows, width, ranking.scores) };
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    this.#tiles.close();
  }

  /** The best of a chunk of queries, on the device: two lists take turns as what is known and what comes of the next tile. */
  async #rank({ memory, rows, scores, first }: Chunk, ranking: Ranking): Promise<void> {
    const { width } = ranking;
    const { lists, damaged } = await this.#engine.device.guard('A ranking', () => ({
      lists: [0, 1].map((): Best => ({
        scores: memory.take('best scores', rows.rows, width),
        indices: memory.take('best rows', rows.rows, width),
      })) as [Best, Best], // two of two
      damaged: memory.take('damaged', rows.rows, 1),
    }));
    let [before, after] = lists;
    await this.#eachTile(
      rows,
      scores,
      (plan, tile, { block, start, end }) => {
        const known = Math.min(width, tile.start);
        const wanted = Math.min(width, tile.start + block.cols);
        const place = { before: sliceBest(before, start, end), after: sliceBest(after, start, end), known, wanted };
        topK(plan, { scores: block, start: tile.start, ...place, damaged: sliceOf(damaged, start, end) });
      },
      () => {
        [before, after] = [after, before];
      },
    );
    const [best, indices, nans] = await this.#read(() => undefined, [before.scores, before.indices, damaged]);
    const nan = new Uint32Array(nans ?? new ArrayBuffer(0));
    const query = nan.findIndex((row) => row > 0);
    if (query >= 0) throw notANumber(first + query, (nan[query] ?? 1) - 1);
    ranking.scores.set(new Float32Array(best ?? new ArrayBuffer(0)), first * width);
    ranking.indices.set(new Int32Array(indices ?? new ArrayBuffer(0)), first * width);
  }

  #check(queries: Matrix): void {
    this.#lifetime.check();
    if (queries.cols !== this.#keys.cols) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Queries of ${queries.cols} columns were given to a bank whose keys have ${this.#keys.cols}.`,
      );
    }
  }

  /** All scores, by blocks of queries and tiles of the bank; `use` gets the block's first query and the tile's first row. */
  async #eachScores(queries: Matrix, use: (scores: Matrix, first: number, start: number) => void): Promise<void> {
    this.#check(queries);
    await this.#eachChunk(queries, 0, async ({ rows, scores, first }) => {
      await this.#lifetime.run(async () => {
        for await (const tile of this.#tiles.walk(() => this.#lifetime.check())) {
          for (const { block, start, end } of blocksOf(rows, scores, tile)) {
            const a = sliceOf(rows, start, end);
            const product = (plan: Plan): void => matmul(plan, { a, b: tile.keys, transposeB: true, out: block });
            const [bytes = new ArrayBuffer(0)] = await this.#read(product, [block]);
            use({ rows: block.rows, cols: block.cols, data: new Float32Array(bytes) }, first + start, tile.start);
          }
        }
      });
    });
  }

  /** Queries in chunks of which the device can hold rows, results of `more` numbers each, and a block's scores. */
  async #eachChunk(queries: Matrix, more: number, work: (chunk: Chunk) => Promise<void>): Promise<void> {
    const { device, residentBytes } = this.#engine;
    const room = Math.min(Math.max(residentBytes, 2 ** 26), device.largestBinding);
    const fitting = Math.floor(room / (NUMBER * Math.max(1, queries.cols, more)) / BLOCK_ROWS);
    const size = Math.max(1, fitting) * BLOCK_ROWS;
    for (let first = 0; first < queries.rows; first += size) {
      const chunk = sliceRows(queries, first, Math.min(first + size, queries.rows));
      const memory = new Memory(device);
      try {
        await this.#lifetime.run(async () => {
          const held = await device.guard('Uploading queries', () => {
            const rows = memory.take('queries', chunk.rows, chunk.cols);
            write(device, rows, chunk.data);
            return { rows, scores: memory.take('scores', Math.min(BLOCK_ROWS, chunk.rows), this.#tiles.longest) };
          });
          await work({ memory, first, ...held });
        });
      } finally {
        memory.close();
      }
    }
  }

  /** Scores of every block of queries against every tile, for `record` to go on with; one submission a tile. */
  async #eachTile(
    rows: Rows,
    scores: Rows,
    record: (plan: Plan, tile: BankTile, block: Block) => void,
    afterTile: () => void = () => undefined,
  ): Promise<void> {
    const { device, tiles } = this.#engine;
    for await (const tile of this.#tiles.walk(() => this.#lifetime.check())) {
      const plan = new Plan(device, tiles);
      try {
        for (const block of blocksOf(rows, scores, tile)) {
          const a = sliceOf(rows, block.start, block.end);
          matmul(plan, { a, b: tile.keys, transposeB: true, out: block.block });
          record(plan, tile, block);
        }
        await plan.prepare();
        await device.guard('A tile of a bank', () => {
          const encoder = device.createEncoder();
          plan.encode(encoder);
          device.queue.submit([encoder.finish()]);
        });
      } finally {
        plan.close();
      }
      afterTile();
    }
  }

  async #read(record: (plan: Plan) => void, results: readonly Rows[]): Promise<readonly ArrayBuffer[]> {
    const { device, tiles } = this.#engine;
    const plan = new Plan(device, tiles);
    try {
      record(plan);
      await plan.prepare();
      return await submitAndRead(device, plan, results);
    } finally {
      plan.close();
    }
  }
}

/** Queries on the device, the first of which is query `first`, with room for a block's scores. */
interface Chunk {
  readonly memory: Memory;
  readonly first: number;
  readonly rows: Rows;
  readonly scores: Rows;
}

/** Queries `start` to `end` of a chunk, and the rows that their scores go to. */
interface Block {
  readonly block: Rows;
  readonly start: number;
  readonly end: number;
}

function sliceBest({ scores, indices }: Best, start: number, end: number): Best {
  return { scores: sliceOf(scores, start, end), indices: sliceOf(indices, start, end) };
}

function blocksOf({ rows }: Rows, scores: Rows, { keys }: BankTile): readonly Block[] {
  return Array.from({ length: Math.ceil(rows / BLOCK_ROWS) }, (_, i) => {
    const [start, end] = [i * BLOCK_ROWS, Math.min((i + 1) * BLOCK_ROWS, rows)];
    return { start, end, block: { ...scores, rows: end - start, cols: keys.rows } };
  });
}
