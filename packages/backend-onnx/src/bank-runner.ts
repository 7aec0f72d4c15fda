import {
  type BankRunner,
  checkAggregationTemperature,
  FreebindError,
  type Matrix,
  matrix,
  type Table,
} from '@freebind/core';
import { type BankTile, packedTiles, storedTiles } from './bank-tiles.ts';
import type { Lifetime } from './lifetime.ts';
import { packNumber, packRows, unpackRows } from './packing.ts';
import { Ranking } from './ranking.ts';
import type { Packed } from './session-protocol.ts';
import type { Session, State } from './sessions.ts';
import { paddedWidth } from './widths.ts';

/** Queries of one run: with a tile of keys their scores are 16 MiB, which a third-level cache holds. */
const BLOCK_ROWS = 1024;

/** Opens the graphs of `bank-graphs.ts`, each once for the whole backend. */
export type OpenGraph = (
  name: 'scores' | 'ranking' | 'ranking of halves' | 'aggregate keys' | 'aggregate values',
) => Promise<Session>;

/** A memory bank that is read from its tables in tiles, each of which meets all queries before the next is read. */
export class OnnxBankRunner implements BankRunner {
  readonly #keys: Table;
  readonly #values: Table | undefined;
  /** Half floats may be widened in a graph. */
  readonly #halves: boolean;
  readonly #graph: OpenGraph;
  readonly #keep: (tensors: Readonly<Record<string, Packed>>) => Promise<State>;
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED */
  constructor(
    { keys, values, halves }: { readonly keys: Table; readonly values?: Table; readonly halves: boolean },
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
    this.#halves = halves;
    this.#graph = graph;
    this.#keep = keep;
    this.#lifetime = lifetime;
  }

  async aggregate(queries: Matrix, temperature: number): Promise<Matrix> {
    checkAggregationTemperature(temperature);
    this.#check(queries);
    const { cols } = this.#values ?? this.#keys;
    const session = await this.#graph(this.#values === undefined ? 'aggregate keys' : 'aggregate values');
    const width = paddedWidth(cols);
    const states: State[] = [];
    try {
      for (let start = 0; start < queries.rows; start += BLOCK_ROWS)
        states.push(await this.#keep(startOf(queries, start, Math.min(BLOCK_ROWS, queries.rows - start), width)));
      const spent: BankTile[] = [];
      for await (const { keys, values, ...tile } of packedTiles(this.#keys, { values: this.#values, spent })) {
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
        spent.push({ ...tile, keys: feeds['keys'] ?? keys, ...(values && { values: feeds['values'] ?? values }) });
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
    const spent: BankTile[] = [];
    await this.#eachBlock(
      queries,
      { session, tiles: packedTiles(this.#keys, { spent }), spent },
      (packed, start, row) => {
        const { rows, cols, data } = unpackRows(packed);
        for (let r = 0; r < rows; r++)
          out.data.set(data.subarray(r * cols, (r + 1) * cols), (row + r) * out.cols + start);
      },
    );
    return out;
  }

  async topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }> {
    if (!Number.isSafeInteger(k) || k < 1)
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `k is ${k}; it must be a whole number of at least 1.`);
    this.#check(queries);
    const ranking = new Ranking(queries.rows, Math.min(k, this.#keys.rows));
    const spent: BankTile[] = [];
    const stored = storedTiles(this.#keys, { halves: this.#halves, spent });
    const session = await this.#graph(stored?.halves ? 'ranking of halves' : 'ranking');
    const { tiles = packedTiles(this.#keys, { spent }), width } = stored ?? {};
    await this.#eachBlock(queries, { session, tiles, spent, width }, (scores, start, row) =>
      ranking.add(scores, start, row),
    );
    return ranking.finish();
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
   * Runs every block of queries, padded to `width` columns, against every tile; `use` gets the scores, the tile's first row and
   * the block's first query, while the worker computes the next run.
   */
  async #eachBlock(
    queries: Matrix,
    from: {
      readonly session: Session;
      readonly tiles: AsyncIterable<BankTile>;
      readonly spent: BankTile[];
      readonly width?: number | undefined;
    },
    use: (scores: Packed, start: number, row: number) => void,
  ): Promise<void> {
    const { session, tiles, spent, width = paddedWidth(queries.cols) } = from;
    const blocks: Packed[] = [];
    for (let row = 0; row < queries.rows; row += BLOCK_ROWS)
      blocks.push(packRows(queries, row, Math.min(BLOCK_ROWS, queries.rows - row), width));
    let useLast: (() => void) | undefined;
    for await (const tile of tiles) {
      let { keys } = tile;
      for (const [b, block] of blocks.entries()) {
        this.#lifetime.check();
        const run = session.run({ queries: block, keys });
        useLast?.();
        const { outputs, feeds } = await run;
        keys = feeds?.['keys'] ?? keys;
        blocks[b] = feeds?.['queries'] ?? block;
        useLast = () => use(outputs['scores'] ?? packNumber(0), tile.start, b * BLOCK_ROWS);
      }
      spent.push({ ...tile, keys });
    }
    useLast?.();
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
    queries: packRows(queries, start, rows, paddedWidth(queries.cols)),
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
