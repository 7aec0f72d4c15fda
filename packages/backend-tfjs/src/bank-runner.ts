import {
  type BankRunner,
  checkAggregationTemperature,
  FreebindError,
  type Matrix,
  matrix,
  type Table,
} from '@freebind/core';
import type { Device, OpenProgram, State } from './device.ts';
import type { Lifetime } from './lifetime.ts';
import { mergerInto } from './merge.ts';
import { numbersOf, packNumber, packRows, unpackRows } from './packing.ts';
import type { Answer, Packed } from './worker-protocol.ts';

/**
 * Rows of a tile of the bank, at most. What a tile costs beside its products, the running sums of each block of queries, is
 * 2.5 % of them at 4096 rows.
 */
const TILE_ROWS = 4096;
/** Numbers of a tile, at most: 32 MiB, whatever the width. */
const TILE_NUMBERS = 2 ** 23;
/** Queries of one run: with a tile of keys their scores are 16 MiB. */
const BLOCK_ROWS = 1024;

/** Opens the programs of `bank-programs.ts`, each once for the whole backend. */
export type OpenProgramByName = (name: 'scores' | 'aggregate keys' | 'aggregate values') => Promise<OpenProgram>;

/** A memory bank that is read from its tables in tiles, each of which meets all queries before the next is read. */
export class TfjsBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #values: Table | undefined;
  readonly #program: OpenProgramByName;
  readonly #device: Device;
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  constructor(
    { keys, values }: { readonly keys: Table; readonly values?: Table },
    program: OpenProgramByName,
    device: Device,
    lifetime: Lifetime,
  ) {
    if (keys.rows === 0)
      throw new FreebindError('FREEBIND_SHAPE_MISMATCH', `The bank ${keys.source} has no rows; give at least one.`);
    if (values !== undefined && values.rows !== keys.rows) {
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `The bank's keys ${keys.source} have ${keys.rows} rows, but its values ${values.source} have ${values.rows}; row i of both must be one item.`,
      );
    }
    this.#keys = keys;
    this.#values = values;
    this.#program = program;
    this.#device = device;
    this.#lifetime = lifetime;
  }

  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    checkAggregationTemperature(temperature);
    this.#check(queries);
    const { cols } = this.#values ?? this.#keys;
    const out = matrix(queries.rows, cols);
    const program = await this.#program(this.#values === undefined ? 'aggregate keys' : 'aggregate values');
    // Below the smallest normal number 1/τ would overflow; its weights are those of the nearest neighbour long before.
    const coldness = 1 / Math.max(temperature, 2 ** -126);
    await this.#eachTile(
      queries,
      { values: this.#values, sums: cols },
      async (tile, blocks) => {
        for (const { state } of blocks) {
          this.#lifetime.check();
          await program.run({ coldness: packNumber(coldness) }, tile, state);
        }
      },
      async ({ start, state }) => {
        const { sum, total } = await state.copy();
        divideRows(unpackRows(sum), numbersOf(total), out.data.subarray(start * cols));
      },
    );
    return out;
  }

  async scores(queries: Matrix): Promise<Matrix> {
    this.#check(queries);
    const program = await this.#program('scores');
    const out = matrix(queries.rows, this.#keys.rows);
    await this.#eachTile(queries, {}, async (tile, blocks, first) => {
      for (const block of blocks) {
        this.#lifetime.check();
        const { rows, cols, data } = unpackRows((await program.run({}, tile, block.state))['scores']);
        for (let r = 0; r < rows; r++)
          out.data.set(data.subarray(r * cols, (r + 1) * cols), (block.start + r) * out.cols + first);
      }
    });
    return out;
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1)
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    this.#check(queries);
    const program = await this.#program('scores');
    const width = Math.min(k, this.#keys.rows);
    const ranking = {
      scores: new Float32Array(queries.rows * width),
      indices: new Int32Array(queries.rows * width),
      width,
    };
    const merge = mergerInto(ranking);
    await this.#eachTile(queries, {}, async (tile, blocks, first) => {
      for (const block of blocks) {
        this.#lifetime.check();
        const ranked = await program.rank(k, {}, tile, block.state);
        checkRanked(ranked, block.start, first);
        const { scores, indices } = ranked.outputs ?? {};
        if (scores && indices) merge({ scores, indices }, block.start, first);
      }
    });
    return { indices: ranking.indices, scores: matrix(queries.rows, width, ranking.scores) };
  }

  async close(): Promise<void> {
    this.#lifetime.close();
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

  /**
   * Keeps the queries in the worker in blocks, with running sums of `sums` columns if there are to be any, gives each tile of the
   * bank to `use`, from row `first` on, and in the end each block to `finish`. The next tile is read while one is used.
   */
  async #eachTile(
    queries: Matrix,
    { values, sums }: { readonly values?: Table | undefined; readonly sums?: number },
    use: (tile: State, blocks: readonly Block[], first: number) => Promise<void>,
    finish: (block: Block) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const blocks: Block[] = [];
    try {
      for (let start = 0; start < queries.rows; start += BLOCK_ROWS) {
        const rows = Math.min(BLOCK_ROWS, queries.rows - start);
        blocks.push({ start, state: await this.#device.keep(startOf(queries, start, rows, sums)) });
      }
      const widest = Math.max(this.#keys.cols, values?.cols ?? 0);
      const size = Math.max(1, Math.min(TILE_ROWS, Math.floor(TILE_NUMBERS / widest)));
      const read = async (first: number): Promise<Readonly<Record<string, Packed>>> => {
        const end = Math.min(first + size, this.#keys.rows);
        const keys = packRows(await this.#keys.read(first, end));
        return values === undefined ? { keys } : { keys, values: packRows(await values.read(first, end)) };
      };
      let next = queries.rows === 0 ? undefined : read(0);
      for (let first = 0; next !== undefined; first += size) {
        const tensors = await next;
        next = first + size < this.#keys.rows ? read(first + size) : undefined;
        next?.catch(() => undefined); // it is awaited above
        this.#lifetime.check();
        const tile = await this.#device.keep(tensors);
        try {
          await use(tile, blocks, first);
        } finally {
          await tile.close();
        }
      }
      for (const block of blocks) {
        this.#lifetime.check();
        await finish(block);
      }
    } finally {
      await Promise.all(blocks.map(({ state }) => state.close()));
    }
  }
}

/** Queries from row `start` on, as a state of the worker. */
interface Block {
  readonly start: number;
  readonly state: State;
}

/** What a block of queries knows before the first tile. */
function startOf(queries: Matrix, start: number, rows: number, sums?: number): Readonly<Record<string, Packed>> {
  const turned = new Float32Array(rows * queries.cols);
  for (let r = 0, i = start * queries.cols; r < rows; r++)
    for (let c = 0; c < queries.cols; c++, i++) turned[c * rows + r] = queries.data[i] ?? 0;
  const state = { turned: { shape: [queries.cols, rows], data: turned } };
  if (sums === undefined) return state;
  const filled = (cols: number, x: number): Packed => ({
    shape: [rows, cols],
    data: new Float32Array(rows * cols).fill(x),
  });
  return { ...state, highest: filled(1, -Infinity), total: filled(1, 0), sum: filled(sums, 0) };
}

/** NaN compares as false with everything, so a ranking with one would be silently wrong. */
function checkRanked({ unranked }: Answer, query: number, key: number): void {
  if (unranked === undefined) return;
  throw new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `The score of query ${query + unranked[0]} against row ${key + unranked[1]} of the bank is NaN; one of the two rows is damaged.`,
  );
}

function divideRows({ rows, cols, data }: Matrix, by: Float32Array, out: Matrix['data']): void {
  for (let r = 0, i = 0; r < rows; r++) for (let c = 0; c < cols; c++, i++) out[i] = (data[i] ?? 0) / (by[r] ?? 0);
}
