import { type Blocks, rowsIn, rowsOf, spansOf } from './blocks.ts';
import type { Program, Value } from './program.ts';
import { weigh } from './weigh.ts';

/** What one pair adds to a training step. */
export interface InfoNce {
  /** CE of row i + CE of column i, [n, 1]. The loss is half their mean. */
  readonly losses: Value;
  /** ∂/∂x and ∂/∂y of `share`/2 of the sum of `losses`, [n, d]. */
  readonly gradients: { readonly x: Blocks; readonly y: Blocks };
  /** [n, 1], whose sum over −τ is ∂/∂τ of `share`/2 of the sum of `losses`. */
  readonly along: Value;
}

/** How the logits are cut. A tile has as many columns as a block has rows: their side of a product is packed once for all tiles below it. */
export interface Tiling {
  /** Rows of a tile, at most. */
  readonly rows: number;
  /** Logits that may be kept from the first pass for the second; more are computed again. */
  readonly kept: number;
}

/** Tiles of 16 MiB; of 128 MiB, tiles are kept. */
export const TILING: Tiling = { rows: 1024, kept: 2 ** 25 };

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
 * Symmetric InfoNCE between x and y [n, d], cut into blocks alike, with logits z = x·yᵀ/τ. With the softmaxes P of the rows of z
 * and Q of its columns, ∂loss/∂z = ½ (P + Q) − I, so
 *
 *     ∂x = (½ (P + Q) · y − y)/τ        ∂y = (½ (P + Q)ᵀ · x − x)/τ        ∂τ = −Σ x ∘ ∂x/τ
 *
 * z is never whole: a first pass over its tiles finds the sums of exponentials of its rows and columns, with a running maximum
 * where they are not `shared`, and a second one the gradients. So memory is O(n · d), and time that of one more product where
 * tiles are too many to be kept. (FlashAttention, algorithm 1, in both directions.)
 */
export function infoNce(
  program: Program,
  { x, y }: { readonly x: Blocks; readonly y: Blocks },
  {
    inverseTemperature,
    share,
    shared,
  }: { readonly inverseTemperature: Value; readonly share: number; readonly shared: boolean },
  tiling: Tiling = TILING,
): InfoNce {
  const pieces = x.flatMap((block, b) =>
    spansOf(rowsIn(block), tiling.rows).map(({ start, end }) => ({
      block,
      queries: () => program.rows(block, start, end),
      answers: () => program.rows(y[b] ?? block, start, end),
    })),
  );
  const turnedOf = (keys: Value): Value => program.mul(program.transpose(keys), inverseTemperature);
  const keep = rowsOf(x) ** 2 <= tiling.kept;
  const softmax = shared ? sharedSoftmax(program) : shiftedSoftmax(program);

  const perRow = pieces.map((): Sums | undefined => undefined);
  const perColumn = y.map((): Sums | undefined => undefined);
  const kept = y.map((keys, j) => {
    const turned = turnedOf(keys);
    return pieces.map(({ queries }, i) => {
      const tile = softmax.tile(program.product(queries(), turned));
      perRow[i] = softmax.addRows(tile, perRow[i]);
      perColumn[j] = softmax.addColumns(tile, perColumn[j]);
      return tile;
    });
  });

  const pulled = pieces.map((): Value | undefined => undefined);
  const scale = program.scale(inverseTemperature, share);
  const dy = y.map((keys, j) => {
    const turned = keep ? undefined : turnedOf(keys);
    // A right factor is packed into a copy that lives as long as it does: y outlives this pass.
    const scaled = program.mul(keys, scale);
    let turnedPull: Value | undefined;
    for (const [i, piece] of pieces.entries()) {
      const queries = piece.queries();
      const tile = turned === undefined ? kept[j]?.[i] : softmax.tile(program.product(queries, turned));
      const [ofRow, ofColumn] = [perRow[i], perColumn[j]];
      if (tile === undefined || ofRow === undefined || ofColumn === undefined) continue;
      const weights = softmax.weights(tile, ofRow, ofColumn);
      pulled[i] = plus(program, pulled[i], program.product(weights, scaled));
      turnedPull = plus(program, turnedPull, program.product(program.transpose(queries), weights));
    }
    return program.mul(program.sub(program.transpose(turnedPull ?? keys), x[j] ?? keys), scale);
  });
  const found = pieces.map(({ block, queries, answers }, i) => {
    const gradient = program.sub(pulled[i] ?? answers(), program.mul(answers(), scale));
    return {
      block,
      positives: program.mul(program.dotRows(queries(), answers()), inverseTemperature),
      along: program.dotRows(queries(), gradient),
      gradient,
    };
  });
  const positives = program.stack(found.map((piece) => piece.positives));
  const ofRows = program.stack(perRow.map((sums) => logSum(program, sums)));
  const ofColumns = program.stack(
    perColumn.map((sums, j) => program.reshape(logSum(program, sums), [rowsIn(y[j] ?? scale), 1])),
  );
  return {
    // Differences before sums: logits are several times as large as losses.
    losses: program.add(program.sub(ofRows, positives), program.sub(ofColumns, positives)),
    gradients: {
      x: x.map((whole) => program.stack(found.filter(({ block }) => block === whole).map(({ gradient }) => gradient))),
      y: dy,
    },
    along: program.stack(found.map(({ along }) => along)),
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
