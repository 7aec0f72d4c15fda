import type { Program, Value } from './program.ts';
import { weigh } from './weigh.ts';

/** What one pair adds to a training step. */
export interface InfoNce {
  /** CE of row i + CE of column i, [n, 1]. The loss is half their mean. */
  readonly losses: Value;
  /** ∂/∂x and ∂/∂y of half the sum of `losses`, [n, d]. */
  readonly gradients: { readonly x: Value; readonly y: Value };
  /** [n, 1], whose sum over −τ² is ∂/∂τ of half the sum of `losses`. */
  readonly along: Value;
}

/** How the logits are cut. */
export interface Tiling {
  /** Rows and columns of a tile, at most. The columns' side of a product is packed once for all tiles below it. */
  readonly rows: number;
  readonly columns: number;
  /** Logits that may be kept from the first pass for the second; more are computed again. */
  readonly kept: number;
}

/** Tiles of 16 MiB; of 128 MiB, tiles are kept. */
export const TILING: Tiling = { rows: 1024, columns: 4096, kept: 2 ** 25 };

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Largest |logit| at which `infoNce` may share its exponentials, for n rows. One exponential then serves both directions.
 * Sums of n terms of at most exp(m) must stay below float32's largest number, exp(88.7), and their reciprocals and the
 * smallest term, exp(−m), above its smallest normal one, exp(−87.3): m + log n ≤ 87 does both. At n = 4096 that is every
 * temperature down to 0.0128 between unit rows.
 */
export function largestSharedLogit(n: number): number {
  return 87 - Math.log(n);
}

/**
 * Symmetric InfoNCE between x and y [n, d] with logits z = x·yᵀ/τ. With the softmaxes P of the rows of z and Q of its
 * columns, ∂loss/∂z = ½ (P + Q) − I, so
 *
 *     ∂x = (½ (P + Q) · y − y)/τ        ∂y = (½ (P + Q)ᵀ · x − x)/τ        ∂τ = −Σ x ∘ (½ (P + Q) · y − y)/τ²
 *
 * z is never whole: a first pass over its tiles finds the sums of exponentials of its rows and columns, with a running maximum
 * where they are not `shared`, and a second one the gradients. So memory is O(n · d), and time that of one more product where
 * tiles are too many to be kept. (FlashAttention, algorithm 1, in both directions.)
 */
export function infoNce(
  program: Program,
  x: Value,
  y: Value,
  inverseTemperature: Value,
  shared: boolean,
  tiling: Tiling = TILING,
): InfoNce {
  const n = Number(x.shape[0]);
  const [rowSpans, columnSpans] = [spansOf(n, tiling.rows), spansOf(n, tiling.columns)];
  const scaled = program.mul(x, inverseTemperature);
  const rowsOf = ({ start, end }: Span): Value => program.rows(scaled, start, end);
  const keysOf = ({ start, end }: Span): Value => program.rows(y, start, end);
  const keep = n * n <= tiling.kept;
  const softmax = shared ? sharedSoftmax(program) : shiftedSoftmax(program);

  const perRow = rowSpans.map((): Sums | undefined => undefined);
  const perColumn = columnSpans.map((): Sums | undefined => undefined);
  const kept = columnSpans.map((columns, j) => {
    const keys = program.transpose(keysOf(columns));
    return rowSpans.map((rows, i) => {
      const tile = softmax.tile(program.product(rowsOf(rows), keys));
      perRow[i] = softmax.addRows(tile, perRow[i]);
      perColumn[j] = softmax.addColumns(tile, perColumn[j]);
      return tile;
    });
  });

  const dx = rowSpans.map((): Value | undefined => undefined);
  const dy = columnSpans.map((columns, j) => {
    const keys = keysOf(columns);
    const turned = keep ? undefined : program.transpose(keys);
    let pulled: Value | undefined;
    for (const [i, rows] of rowSpans.entries()) {
      const queries = rowsOf(rows);
      const tile = turned === undefined ? kept[j]?.[i] : softmax.tile(program.product(queries, turned));
      const [ofRow, ofColumn] = [perRow[i], perColumn[j]];
      if (tile === undefined || ofRow === undefined || ofColumn === undefined) continue;
      const weights = softmax.weights(tile, ofRow, ofColumn);
      dx[i] = plus(program, dx[i], program.product(weights, keys));
      pulled = plus(program, pulled, program.product(program.transpose(queries), weights));
    }
    return program.sub(program.transpose(pulled ?? keys), rowsOf(columns));
  });
  const pulls = rowSpans.map((rows, i) => program.sub(dx[i] ?? keysOf(rows), keysOf(rows)));
  const along = rowSpans.map(({ start, end }, i) =>
    program.dotRows(program.rows(x, start, end), pulls[i] ?? program.rows(x, start, end)),
  );
  const positives = program.stack(rowSpans.map((rows) => program.dotRows(rowsOf(rows), keysOf(rows))));
  const ofRows = program.stack(perRow.map((sums) => logSum(program, sums)));
  const ofColumns = program.stack(
    perColumn.map((sums, j) => program.reshape(logSum(program, sums), [lengthOf(columnSpans[j]), 1])),
  );
  return {
    // Differences before sums: logits are several times as large as losses.
    losses: program.add(program.sub(ofRows, positives), program.sub(ofColumns, positives)),
    gradients: {
      x: program.stack(pulls.map((pull) => program.mul(pull, inverseTemperature))),
      y: program.stack(dy),
    },
    along: program.stack(along),
  };
}

/** Of a tile's rows or columns: Σ exp(z − max), and max, the highest so far, unless it is taken to be 0. */
interface Sums {
  readonly total: Value;
  readonly max?: Value;
}

/** The two softmaxes of z, from what is kept of its tiles. */
interface Softmax {
  /** What is kept of a tile of logits. */
  tile(logits: Value): Value;
  addRows(tile: Value, before: Sums | undefined): Sums;
  addColumns(tile: Value, before: Sums | undefined): Sums;
  /** ½ (P + Q) of a tile. */
  weights(tile: Value, ofRow: Sums, ofColumn: Sums): Value;
}

/** E = exp(z), r its row sums and c its column sums: P + Q = E ∘ (1/r + 1/c). */
function sharedSoftmax(program: Program): Softmax {
  const half = (sums: Sums): Value => program.div(program.scalar(0.5), sums.total);
  return {
    tile: program.exp,
    addRows: (tile, before) => ({ total: plus(program, before?.total, program.sumOfRow(tile)) }),
    addColumns: (tile, before) => ({ total: plus(program, before?.total, program.sumOfColumn(tile)) }),
    weights: (tile, ofRow, ofColumn) => program.mul(tile, program.add(half(ofRow), half(ofColumn))),
  };
}

/** For logits of any size: the maximum of each row, and of each column, is taken out before the exponential. */
function shiftedSoftmax(program: Program): Softmax {
  const add = (tile: Value, before: Sums | undefined, highest: Value, sum: (x: Value) => Value): Sums => {
    const max = before?.max === undefined ? highest : program.max(before.max, highest);
    const total = sum(program.exp(program.sub(tile, max)));
    if (before?.max === undefined) return { max, total };
    const faded = program.mul(before.total, program.exp(program.sub(before.max, max)));
    return { max, total: program.add(faded, total) };
  };
  const half = (tile: Value, { max, total }: Sums): Value =>
    program.mul(weigh(program, program.sub(tile, max ?? program.scalar(0))), program.div(program.scalar(0.5), total));
  return {
    tile: (logits) => logits,
    addRows: (tile, before) => add(tile, before, program.maxOfRow(tile), program.sumOfRow),
    addColumns: (tile, before) => add(tile, before, program.maxOfColumn(tile), program.sumOfColumn),
    weights: (tile, ofRow, ofColumn) => program.add(half(tile, ofRow), half(tile, ofColumn)),
  };
}

/** log Σ exp z. */
function logSum(program: Program, sums: Sums | undefined): Value {
  if (sums === undefined) return program.scalar(0);
  return sums.max === undefined ? program.log(sums.total) : program.add(sums.max, program.log(sums.total));
}

function plus(program: Program, a: Value | undefined, b: Value): Value {
  return a === undefined ? b : program.add(a, b);
}

const lengthOf = (span: Span | undefined): number => (span === undefined ? 0 : span.end - span.start);

/** 0 to n in as few spans of at most `most` as can be, all about as long. */
function spansOf(n: number, most: number): readonly Span[] {
  const size = Math.ceil(n / Math.ceil(n / most));
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => ({ start: i * size, end: Math.min((i + 1) * size, n) }));
}
