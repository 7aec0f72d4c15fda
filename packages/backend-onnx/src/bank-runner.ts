import { type BankRunner, FreebindError, type Matrix, matrix, type Table } from '@freebind/core';
import type { Lifetime } from './lifetime.ts';
import { packNumber, packRows, unpackRows } from './packing.ts';
import type { Packed } from './session-protocol.ts';
import type { Session, State } from './sessions.ts';
import { paddedWidth } from './widths.ts';

/**
 * Rows of a tile of the bank, at most. One run multiplies q queries by m rows, 2qm(dk + dv) operations, and reads, writes and
 * hands over its running sums, about 20·q·dv bytes: with dk = dv that is m/5 operations a byte, against the 20 at which two
 * cores are limited by memory instead of arithmetic. 4080 makes that 2.5 % and is no multiple of 1024 (`paddedWidth`).
 */
const TILE_ROWS = 4080;
/** Numbers of a tile, at most: 32 MiB, whatever the width. */
const TILE_NUMBERS = 2 ** 23;
/** Queries of one run: with a tile of keys their scores are 16 MiB, which a third-level cache holds. */
const BLOCK_ROWS = 1024;

/** Opens the graphs of `bank-graphs.ts`, each once for the whole backend. */
export type OpenGraph = (name: 'scores' | 'ranking' | 'aggregate keys' | 'aggregate values') => Promise<Session>;

/** A memory bank that is read from its tables in tiles, each of which meets all queries before the next is read. */
export class OnnxBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #values: Table | undefined;
  readonly #graph: OpenGraph;
  readonly #keep: (tensors: Readonly<Record<string, Packed>>) => Promise<State>;
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  constructor(
    { keys, values }: { readonly keys: Table; readonly values?: Table },
    graph: OpenGraph,
    keep: (tensors: Readonly<Record<string, Packed>>) => Promise<State>,
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
    this.#graph = graph;
    this.#keep = keep;
    this.#lifetime = lifetime;
  }

  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    if (!(temperature > 0)) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `The temperature is ${temperature}; it must be above 0 (FreeBind aggregates at 0.01).`,
      );
    }
    this.#check(queries);
    const { cols } = this.#values ?? this.#keys;
    const session = await this.#graph(this.#values === undefined ? 'aggregate keys' : 'aggregate values');
    const width = paddedWidth(cols);
    const states: State[] = [];
    try {
      for (let start = 0; start < queries.rows; start += BLOCK_ROWS)
        states.push(await this.#keep(startOf(queries, start, Math.min(BLOCK_ROWS, queries.rows - start), width)));
      for await (const { keys, values } of this.#tiles(this.#values)) {
        // Below the smallest normal number 1/τ would overflow; its weights are those of the nearest neighbour long before.
        let feeds: Readonly<Record<string, Packed>> = {
          coldness: packNumber(1 / Math.max(temperature, 2 ** -126)),
          keys,
          ...(values && { values }),
        };
        for (const state of states) {
          this.#lifetime.check();
          feeds = (await session.run(feeds, state)).feeds ?? feeds;
        }
      }
      const out = matrix(queries.rows, cols);
      for (const [block, state] of states.entries()) {
        this.#lifetime.check();
        const { sum, total } = await state.copy();
        if (sum && total) divideRows(unpackRows(sum, cols), total.data, out.data.subarray(block * BLOCK_ROWS * cols));
      }
      return out;
    } finally {
      await Promise.all(states.map((state) => state.close()));
    }
  }

  async scores(queries: Matrix): Promise<Matrix> {
    this.#check(queries);
    const session = await this.#graph('scores');
    const out = matrix(queries.rows, this.#keys.rows);
    await this.#eachBlock(queries, session, {}, (outputs, row, start) => {
      const { rows, cols, data } = unpackRows(outputs['scores'] ?? packNumber(0));
      for (let r = 0; r < rows; r++)
        out.data.set(data.subarray(r * cols, (r + 1) * cols), (row + r) * out.cols + start);
    });
    return out;
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1)
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    this.#check(queries);
    const session = await this.#graph('ranking');
    const width = Math.min(k, this.#keys.rows);
    const ranking: Ranking = {
      scores: new Float32Array(queries.rows * width),
      indices: new Int32Array(queries.rows * width),
      width,
    };
    const k64 = (rows: number): Packed => ({
      type: 'int64',
      dims: [1],
      data: BigInt64Array.of(BigInt(Math.min(k, rows))),
    });
    const merge = mergerInto(ranking);
    await this.#eachBlock(queries, session, { k: k64 }, ({ scores, indices }, row, start) => {
      if (scores && indices) merge({ scores, indices }, row, start);
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
   * Runs every block of queries against every tile; `use` gets the outputs, the block's first query and the tile's first row,
   * while the worker computes the next run: sorting scores into rows takes a quarter of the time of computing them.
   */
  async #eachBlock(
    queries: Matrix,
    session: Session,
    more: Readonly<Record<string, (tileRows: number) => Packed>>,
    use: (outputs: Readonly<Record<string, Packed>>, row: number, start: number) => void,
  ): Promise<void> {
    let useLast: (() => void) | undefined;
    for await (const { start, keys, rows } of this.#tiles()) {
      let tile = keys;
      for (let row = 0; row < queries.rows; row += BLOCK_ROWS) {
        this.#lifetime.check();
        const block = packRows(queries, [row], Math.min(BLOCK_ROWS, queries.rows - row), paddedWidth(queries.cols));
        const extra = Object.entries(more).map(([name, make]) => [name, make(rows)]);
        const run = session.run({ queries: block, keys: tile, ...Object.fromEntries(extra) });
        useLast?.();
        const { outputs, feeds } = await run;
        tile = feeds?.['keys'] ?? tile;
        useLast = () => use(outputs, row, start);
      }
    }
    useLast?.();
  }

  /** The bank in tiles from row `start`, padded. */
  async *#tiles(valueTable?: Table): AsyncGenerator<{
    readonly start: number;
    readonly rows: number;
    readonly keys: Packed;
    readonly values?: Packed;
  }> {
    const widest = Math.max(this.#keys.cols, valueTable?.cols ?? 0);
    const size = Math.max(1, Math.min(TILE_ROWS, Math.floor(TILE_NUMBERS / widest)));
    for (let start = 0; start < this.#keys.rows; start += size) {
      const end = Math.min(start + size, this.#keys.rows);
      const read = async (table: Table): Promise<Packed> =>
        packRows(await table.read(start, end), [0], end - start, paddedWidth(table.cols));
      const tile = { start, rows: end - start, keys: await read(this.#keys) };
      this.#lifetime.check();
      yield valueTable === undefined ? tile : { ...tile, values: await read(valueTable) };
    }
  }
}

/** What a block of queries knows before the first tile. */
function startOf(queries: Matrix, start: number, rows: number, width: number): Readonly<Record<string, Packed>> {
  const filled = (cols: number, x: number): Packed => ({
    type: 'float32',
    dims: [rows, cols],
    data: new Float32Array(rows * cols).fill(x),
  });
  return {
    queries: packRows(queries, [start], rows, paddedWidth(queries.cols)),
    highest: filled(1, -Infinity),
    total: filled(1, 0),
    sum: filled(width, 0),
  };
}

function divideRows({ rows, cols, data }: Matrix, by: ArrayLike<number | bigint>, out: Matrix['data']): void {
  for (let r = 0, i = 0; r < rows; r++) {
    const total = Number(by[r]);
    for (let c = 0; c < cols; c++, i++) out[i] = (data[i] ?? 0) / total;
  }
}

/** The best `width` of every query, query by query. */
interface Ranking {
  readonly scores: Float32Array;
  readonly indices: Int32Array;
  readonly width: number;
}

/**
 * Merges the best of a tile, for queries from `row` on, into what tiles before row `start` of the bank gave. Those come from
 * earlier rows, so they go first where scores are equal. Flat arrays, because a list for every query costs more than its scores.
 */
function mergerInto({
  scores,
  indices,
  width,
}: Ranking): (tile: { readonly scores: Packed; readonly indices: Packed }, row: number, start: number) => void {
  const before = { scores: new Float32Array(width), indices: new Int32Array(width) };
  return (tile, row, start) => {
    const [rows = 0, found = 0] = tile.scores.dims;
    const known = Math.min(width, start);
    for (let r = 0; r < rows; r++) {
      const at = (row + r) * width;
      before.scores.set(scores.subarray(at, at + known));
      before.indices.set(indices.subarray(at, at + known));
      for (let to = 0, i = 0, j = 0; to < width && (i < known || j < found); to++) {
        const next = Number(tile.scores.data[r * found + j]);
        if (i >= known || (j < found && next > (before.scores[i] ?? 0))) {
          scores[at + to] = next;
          indices[at + to] = start + Number(tile.indices.data[r * found + j++]);
        } else {
          scores[at + to] = before.scores[i] ?? 0;
          indices[at + to] = before.indices[i++] ?? 0;
        }
      }
    }
  };
}
