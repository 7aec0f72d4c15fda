import { Graph, type Value } from './graph.ts';
import { BLOCK_ROWS, evenRows } from './rows.ts';
import type { Packed, Window, Windows } from './session-protocol.ts';
import type { Session, Sessions, State } from './sessions.ts';
import { weigh } from './weigh.ts';

/** Logits of a batch that are kept whole, at most: 512 MiB. Above, `StreamedInfoNce` computes them twice instead. */
export const MOST_LOGITS = 2 ** 27;

/** The graph of that name, opened when it is first asked for. */
export type OpenGraph = (name: string, graph: () => Uint8Array) => Promise<Session>;

/** What the logits are computed from. */
export interface StreamedBatch {
  /** n of x and y [n, d]. */
  readonly rows: number;
  /** d. */
  readonly cols: number;
  /** Whether ∂y is wanted. */
  readonly trainsY: boolean;
  /** Rows and columns of a tile; by default as of a block: three tiles of logits lie in the caches. */
  readonly tile?: number | undefined;
}

/** Who watches a run: may end it by throwing, and is told the share that is done. */
export interface Watch {
  readonly check: () => void;
  readonly progress?: ((share: number) => void) | undefined;
}

/**
 * `infoNce` in memory of O(n · d): square tiles of logits z are computed, reduced and forgotten, once for the sums of rows and
 * columns and once more for the gradients. That is 8n²d operations in place of 6 where both sides are trained, 6 in place of
 * 4 where y is frozen. Rows and sums lie in the worker, where a tile's graph reads and writes them.
 *
 * Gradients begin as what the positives pull with, y for x and x/τ for y, and each tile takes its part of it away. Those of x
 * are written over the rows of x one tile before, which nothing reads any more.
 */
export class StreamedInfoNce {
  readonly #sessions: Sessions;
  readonly #open: OpenGraph;
  readonly #state: State;
  readonly #n: number;
  readonly #tile: number;
  readonly #trainsY: boolean;

  private constructor(
    sessions: Sessions,
    open: OpenGraph,
    state: State,
    { rows, trainsY, tile }: StreamedBatch & { readonly tile: number },
  ) {
    this.#sessions = sessions;
    this.#open = open;
    this.#state = state;
    this.#n = rows;
    this.#tile = tile;
    this.#trainsY = trainsY;
  }

  static async open(sessions: Sessions, open: OpenGraph, batch: StreamedBatch): Promise<StreamedInfoNce> {
    const { rows, cols, trainsY, tile = evenRows(rows, BLOCK_ROWS) } = batch;
    const state = await sessions.keep({
      x: filled(tile + rows, cols),
      y: filled(rows, cols),
      ...(trainsY && { dy: filled(rows, cols) }),
    });
    return new StreamedInfoNce(sessions, open, state, { ...batch, tile });
  }

  /** Where rows of x/τ and of y are to be written before `run`. */
  rows(start: number, end: number): { readonly x: Window; readonly y: Window } {
    return { x: this.#state.rows('x', this.#tile + start, this.#tile + end), y: this.#state.rows('y', start, end) };
  }

  /** Where `run` leaves −τ · ∂x and −∂y, of the loss that is a sum over the batch; the rows are gone then. */
  gradients(start: number, end: number): { readonly x: Window; readonly y?: Window } {
    const y = this.#trainsY ? { y: this.#state.rows('dy', start, end) } : {};
    return { x: this.#state.rows('x', start, end), ...y };
  }

  /**
   * Σ over the batch of ½ (log Σ exp of row i + log Σ exp of column i), and the gradients. `shared`: no logit is larger than
   * `largestSharedLogit(n)`. `check` throws where the run is to end before its next tile; `progress` is told the share of tiles.
   */
  async run(shared: boolean, { check, progress }: Watch): Promise<number> {
    const start = filled(this.#n, 1, shared ? 0 : -Infinity);
    const sums = await this.#sessions.keep({ rows: start, columns: { ...start, data: start.data.slice() } });
    try {
      const sum = await this.#open(`sums of tiles, shared: ${shared}`, () => sumsGraph(shared));
      await this.#eachTile({ check, progress: (share) => progress?.(share / 2) }, (i, j) => {
        const { rows, columns } = this.#sums(sums, i, j);
        const after = { 'after/rows': rows, 'after/columns': columns };
        return sum.run({}, undefined, { ...this.#operands(i, j), rows, columns, ...after });
      });
      const pull = await this.#open(`gradients of tiles, shared: ${shared}, both: ${this.#trainsY}`, () =>
        gradientsGraph(shared, this.#trainsY),
      );
      await this.#eachTile({ check, progress: (share) => progress?.((1 + share) / 2) }, (i, j) =>
        pull.run({}, undefined, {
          ...this.#operands(i, j),
          ...this.#sums(sums, i, j),
          ...this.#accumulators(i, j),
        }),
      );
      const numbers = Object.values(await sums.copy()).flatMap(({ data }) => Array.from(data, Number));
      return numbers.reduce((total, x) => total + (shared ? Math.log(x) : x), 0) / 2;
    } finally {
      await sums.close();
    }
  }

  async close(): Promise<void> {
    await this.#state.close();
  }

  /** The next tile is asked for while one is computed, so that the worker does not wait for this thread. */
  async #eachTile({ check, progress }: Watch, run: (i: number, j: number) => Promise<unknown>): Promise<void> {
    const tiles = Math.ceil(this.#n / this.#tile);
    let last: Promise<unknown> | undefined;
    for (let i = 0; i < tiles; i++) {
      for (let j = 0; j < tiles; j++) {
        check();
        const next = run(i, j);
        next.catch(() => undefined); // it is awaited below
        await last;
        last = next;
        progress?.((i * tiles + j) / tiles ** 2);
      }
    }
    await last;
    progress?.(1);
  }

  #operands(i: number, j: number): Windows {
    return { x: this.#part(this.#state, 'x', i, this.#tile), y: this.#part(this.#state, 'y', j) };
  }

  #sums(sums: State, i: number, j: number): { readonly rows: Window; readonly columns: Window } {
    return { rows: this.#part(sums, 'rows', i), columns: this.#part(sums, 'columns', j) };
  }

  #accumulators(i: number, j: number): Windows {
    const [dx, dy] = [this.#part(this.#state, 'x', i), this.#part(this.#state, 'dy', j)];
    return {
      dx: j === 0 ? this.#part(this.#state, 'y', i) : dx,
      'after/dx': dx,
      ...(this.#trainsY && { dy: i === 0 ? this.#part(this.#state, 'x', j, this.#tile) : dy, 'after/dy': dy }),
    };
  }

  /** Rows of tile `i`, from row `offset` on. */
  #part(state: State, tensor: string, i: number, offset = 0): Window {
    return state.rows(tensor, offset + i * this.#tile, offset + Math.min((i + 1) * this.#tile, this.#n));
  }
}

function filled(rows: number, cols: number, x = 0): Packed {
  const data = new Float32Array(rows * cols);
  return { type: 'float32', dims: [rows, cols], data: x === 0 ? data : data.fill(x) };
}

/** `x` [m, d] and `y` [k, d] → logits [m, k]. */
function logits(graph: Graph): { readonly x: Value; readonly y: Value; readonly z: Value } {
  const [x, y] = [graph.input('x', ['m', 'd']), graph.input('y', ['k', 'd'])];
  return { x, y, z: graph.gemm(x, y, { transB: true }) };
}

/** What is kept of the rows of a tile, [m, 1], and of its columns, kept as [k, 1] and here turned to [1, k]. */
function keptSums(graph: Graph): readonly [Value, Value] {
  return [graph.input('rows', ['m', 1]), graph.transpose(graph.input('columns', ['k', 1]))];
}

/**
 * Adds a tile's exponentials to the sums of its rows and of its columns. `shared`: Σ exp z. Else log Σ exp z, by way of the
 * highest, begun at −∞. Sums are written where they are read, so the last node of each is to be the only one that writes, and
 * none that reads may come after it.
 */
function sumsGraph(shared: boolean): Uint8Array {
  const graph = new Graph();
  const { z } = logits(graph);
  const [ofRows, ofColumns] = keptSums(graph);
  const e = graph.exp(z);
  const add = (sum: Value, axis: 0 | 1): Value => {
    if (shared) return graph.add(sum, graph.reduce('ReduceSum', e, axis));
    const highest = graph.max(sum, graph.reduce('ReduceMax', z, axis));
    const ofTile = graph.reduce('ReduceSum', weigh(graph, graph.sub(z, highest)), axis);
    return graph.add(highest, graph.log(graph.add(weigh(graph, graph.sub(sum, highest)), ofTile)));
  };
  graph.outputUnreadable();
  graph.output('after/rows', add(ofRows, 1));
  graph.output('after/columns', graph.transpose(add(ofColumns, 0)));
  return graph.encode();
}

/** Takes ½ (P + Q) · y away from `dx`, and ½ (P + Q)ᵀ · x from `dy`, for one tile of the softmaxes P of rows and Q of columns. */
function gradientsGraph(shared: boolean, trainsY: boolean): Uint8Array {
  const graph = new Graph();
  const { x, y, z } = logits(graph);
  const [ofRows, ofColumns] = keptSums(graph);
  const both = shared
    ? graph.mul(graph.exp(z), graph.add(graph.reciprocal(ofRows), graph.reciprocal(ofColumns)))
    : graph.add(weigh(graph, graph.sub(z, ofRows)), weigh(graph, graph.sub(z, ofColumns)));
  graph.outputUnreadable();
  graph.output('after/dx', graph.gemm(both, y, { alpha: -0.5, c: graph.input('dx', ['m', 'd']) }));
  if (trainsY)
    graph.output('after/dy', graph.gemm(both, x, { transA: true, alpha: -0.5, c: graph.input('dy', ['k', 'd']) }));
  return graph.encode();
}
