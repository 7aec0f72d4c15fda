import type { Graph, Value } from './graph.ts';
import type { InfoNce } from './info-nce.ts';
import { blocksOf, countRows, type Rows } from './rows.ts';

/** Numbers of a tile of logits, at most: 64 MiB, of which three are alive at a time. */
const TILE_NUMBERS = 2 ** 24;
/** Rows of a tile, at least: two threads of the twelve rows that a GEMM kernel takes at once. */
const LEAST_ROWS = 24;
/** Beyond the batch: what is added to logits where maxima are taken, and less than which exp is 0. */
const NEVER = -1e30;

/** Logits of a batch that are kept whole, at most: 512 MiB. Above, `streamedInfoNce` computes them twice instead. */
export const MOST_LOGITS = 2 ** 27;

/** Rows of a tile for a batch of `n`: all tiles are of one size, the last filled up with zeros, and their columns off 4 KiB (`widths.ts`). */
function tileRows(n: number): number {
  const most = Math.max(LEAST_ROWS, Math.floor(TILE_NUMBERS / n / LEAST_ROWS) * LEAST_ROWS);
  const rows = Math.ceil(n / Math.ceil(n / most) / LEAST_ROWS) * LEAST_ROWS;
  return (Math.ceil(n / rows) * rows) % 1024 === 0 ? rows + LEAST_ROWS : rows;
}

/** A batch as loops go over it. */
interface Batch {
  /** [tiles · rows, d], zeros below the batch. */
  readonly x: Value;
  readonly y: Value;
  /** 1 for rows of the batch, 0 below it: [tiles · rows, 1]. */
  readonly inBatch: Value;
  readonly inverseTemperature: Value;
  readonly tiles: number;
  readonly rows: number;
}

/** What the first loop leaves: of every row and every column, what turns a logit into softmax weights. */
interface Sums {
  /** Σ exp of a row, or its log, [N, 1]. */
  readonly ofRows: Value;
  /** Of a column, [1, N]. */
  readonly ofColumns: Value;
  /** Σ over the batch of ½ (log Σ exp of row i + log Σ exp of column i), []. */
  readonly logSums: Value;
}

/**
 * `infoNce` in memory of O(n · d): tiles of logits z are computed, reduced and forgotten, once for the sums of rows and
 * columns and once more for the gradients. That is 8n²d operations in place of 6 where both sides are trained, 6 in place of
 * 4 where `y` is frozen (`trainsY` false).
 */
export function streamedInfoNce(
  graph: Graph,
  x: Rows,
  y: Rows,
  inverseTemperature: Value,
  options: { readonly shared: boolean; readonly trainsY: boolean; readonly tile?: number },
): InfoNce {
  const n = countRows(x);
  const { shared, trainsY, tile: rows = tileRows(n) } = options;
  const tiles = Math.ceil(n / rows);
  const batch: Batch = {
    x: filled(graph, x, tiles * rows),
    y: filled(graph, y, tiles * rows),
    inBatch: graph.constant([tiles * rows, 1], new Float32Array(tiles * rows).fill(1, 0, n)),
    inverseTemperature,
    tiles,
    rows,
  };
  const sums = shared ? sharedSums(graph, batch) : shiftedSums(graph, batch, n);
  const { dx, pulled } = gradients(graph, batch, sums, { shared, trainsY });

  const positives = x.map((block, i) => graph.total(graph.mul(block, y[i] ?? block)));
  const attraction = graph.mul(sum(graph, positives), inverseTemperature);
  const blocks = blocksOf(n);
  const ofX = blocks.map(({ start, end }) => graph.rows(dx, start, end));
  const along = graph.mul(
    sum(
      graph,
      x.map((block, i) => graph.total(graph.mul(block, ofX[i] ?? block))),
    ),
    inverseTemperature,
  );
  return {
    loss: graph.sub(sums.logSums, attraction),
    gradients: {
      x: ofX,
      y: blocks.map(({ start, end }, i) =>
        graph.sub(graph.rows(pulled ?? batch.y, start, end), graph.mul(x[i] ?? dx, inverseTemperature)),
      ),
    },
    temperatureGradient: graph.mul(along, graph.scalar(-1)),
  };
}

/** z of one tile's rows against all of y: [rows, N]. */
function logits(graph: Graph, { x, y, inverseTemperature, rows }: Batch, run: Value): { scaled: Value; z: Value } {
  const scaled = graph.mul(graph.tile(x, run, rows), inverseTemperature);
  return { scaled, z: graph.gemm(scaled, y, { transB: true }) };
}

/** Row and column sums of exp(z): no logit is larger than `largestSharedLogit`. Ones that are zero beyond the batch leave it out. */
function sharedSums(graph: Graph, batch: Batch): Sums {
  const { inBatch, tiles, rows } = batch;
  const { carried, collected } = graph.loop(tiles, [zeros(graph, [1, tiles * rows])], (body, run, [columns]) => {
    const e = body.exp(logits(body, batch, run).z);
    const ones = body.tile(inBatch, run, rows);
    return {
      carried: [body.gemm(ones, e, { transA: true, c: columns })],
      collected: [body.gemm(e, inBatch)],
    };
  });
  const [ofColumns, ofRows] = [carried[0] ?? inBatch, collected[0] ?? inBatch];
  const logs = [
    graph.gemm(graph.log(ofRows), inBatch, { transA: true }),
    graph.gemm(graph.log(ofColumns), inBatch),
  ].map((value) => graph.total(value));
  return { ofRows, ofColumns, logSums: graph.mul(sum(graph, logs), graph.scalar(0.5)) };
}

/** log Σ exp of rows and columns, for logits of any size: of columns with a running maximum (Milakov and Gimelshein 2018). */
function shiftedSums(graph: Graph, batch: Batch, n: number): Sums {
  const { inBatch, tiles, rows } = batch;
  const lowest = graph.constant([1, tiles * rows], new Float32Array(tiles * rows).fill(2 * NEVER));
  const start = [lowest, zeros(graph, [1, tiles * rows])];
  const { carried, collected } = graph.loop(tiles, start, (body, run, [highest, total]) => {
    const z = masked(body, batch, run, logits(body, batch, run).z, n);
    const top = body.reduce('ReduceMax', z, 1);
    const ofRow = body.reduce('ReduceSum', body.exp(body.sub(z, top)), 1);
    const [before = top, summed = top] = [highest, total];
    const after = body.max(before, body.reduce('ReduceMax', z, 0));
    const kept = body.mul(summed, body.exp(body.sub(before, after)));
    const ofColumn = body.reduce('ReduceSum', body.exp(body.sub(z, after)), 0);
    return { carried: [after, body.add(kept, ofColumn)], collected: [body.add(top, body.log(ofRow))] };
  });
  const [highest = inBatch, total = inBatch] = carried;
  const ofColumns = settled(graph, graph.add(highest, graph.log(total)), graph.transpose(inBatch));
  const ofRows = settled(graph, collected[0] ?? inBatch, inBatch);
  const sums = [graph.gemm(ofRows, inBatch, { transA: true }), graph.gemm(ofColumns, inBatch)].map((value) =>
    graph.total(value),
  );
  return { ofRows, ofColumns, logSums: graph.mul(sum(graph, sums), graph.scalar(0.5)) };
}

/** ∂x of every tile, and Σ ½ (P + Q)ᵀ · x/τ where y is trained. */
function gradients(
  graph: Graph,
  batch: Batch,
  { ofRows, ofColumns }: Sums,
  { shared, trainsY }: { readonly shared: boolean; readonly trainsY: boolean },
): { readonly dx: Value; readonly pulled: Value | undefined } {
  const { y, inverseTemperature, tiles, rows } = batch;
  const perColumn = shared ? graph.reciprocal(ofColumns) : ofColumns;
  const start = trainsY ? [zeros(graph, y.shape.map(Number))] : [];
  const { carried, collected } = graph.loop(tiles, start, (body, run, before) => {
    const { scaled, z } = logits(body, batch, run);
    const ofRow = body.tile(ofRows, run, rows);
    const weights = shared
      ? body.mul(body.exp(z), body.add(body.reciprocal(ofRow), perColumn))
      : body.add(body.exp(body.sub(z, ofRow)), body.exp(body.sub(z, perColumn)));
    const pull = body.gemm(weights, y, { alpha: 0.5, beta: -1, c: body.tile(y, run, rows) });
    return {
      carried: before.map((sum) => body.gemm(weights, scaled, { transA: true, alpha: 0.5, c: sum })),
      collected: [body.mul(pull, inverseTemperature)],
    };
  });
  return { dx: collected[0] ?? y, pulled: carried[0] };
}

/** Logits with those beyond the batch out of the way of maxima. */
function masked(graph: Graph, { inBatch, tiles, rows }: Batch, run: Value, z: Value, n: number): Value {
  if (n === tiles * rows) return z;
  const beyond = graph.constant([1, tiles * rows], new Float32Array(tiles * rows).fill(NEVER, n));
  const below = graph.mul(graph.sub(graph.scalar(1), graph.tile(inBatch, run, rows)), graph.scalar(NEVER));
  return graph.add(graph.add(z, beyond), below);
}

/** Logs of sums, where beyond the batch stands what makes every weight there 0. */
function settled(graph: Graph, logs: Value, inBatch: Value): Value {
  const beyond = graph.mul(graph.sub(graph.scalar(1), inBatch), graph.scalar(-NEVER));
  return graph.add(graph.mul(logs, inBatch), beyond);
}

function filled(graph: Graph, blocks: Rows, rows: number): Value {
  const [n, cols] = [countRows(blocks), Number(blocks[0]?.shape[1])];
  return graph.stack(n === rows ? blocks : [...blocks, zeros(graph, [rows - n, cols])]);
}

function zeros(graph: Graph, shape: readonly number[]): Value {
  return graph.apply('ConstantOfShape', [graph.constant([shape.length], BigInt64Array.from(shape, BigInt))], shape);
}

function sum(graph: Graph, values: readonly Value[]): Value {
  return values.reduce((a, b) => graph.add(a, b));
}
