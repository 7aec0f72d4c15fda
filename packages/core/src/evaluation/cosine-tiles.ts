import type { Backend } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { findBadRow, type Matrix, normaliseRows } from '../matrix.ts';
import type { Table } from '../table.ts';

/** What every evaluation needs to score a table against another. */
export interface ScoringOptions {
  readonly backend: Backend;
  readonly signal?: AbortSignal;
  /** Called after every tile with the query rows scored so far and their number in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Scores in memory at once: 2²⁵ numbers, 128 MiB of float32, or one query's where the gallery alone is larger. */
const SCORES = 2 ** 25;

/** Rows read at a time where a table is only looked through. */
const ROWS = 1024;

/**
 * The cosines of all `queries` [n, d] against all of `gallery` [m, d], in tiles of whole query rows: `scores` [rows, m] from
 * query `start`. Rows need not be unit: queries are normalised as they are read, and a score is divided by its gallery row's
 * norm, so that the gallery itself goes to the backend untouched.
 *
 * @throws FREEBIND_SHAPE_MISMATCH when the widths differ or a table is empty, FREEBIND_NUMBER_INVALID for a NaN, infinite or
 * zero row, FREEBIND_ABORTED
 */
export async function* cosineTiles(
  options: ScoringOptions & { readonly queries: Table; readonly gallery: Table },
): AsyncGenerator<{ readonly start: number; readonly scores: Matrix }> {
  const { queries, gallery, backend, signal, onProgress } = options;
  checkTables(queries, gallery);
  const norms = await rowNorms(gallery);
  const rows = Math.max(1, Math.min(ROWS * 4, Math.floor(SCORES / gallery.rows)));
  const bank = await backend.openBank({ keys: gallery });
  try {
    for (let start = 0; start < queries.rows; start += rows) {
      if (signal?.aborted) {
        throw new FreebindError(
          'FREEBIND_ABORTED',
          `Evaluation was stopped after ${start} of ${queries.rows} queries.`,
          {
            cause: signal.reason,
          },
        );
      }
      const end = Math.min(start + rows, queries.rows);
      const scores = await bank.scores(await readUnit(queries, start, end));
      const { cols, data } = scores;
      for (let at = 0; at < data.length; at += cols)
        for (let c = 0; c < cols; c++) data[at + c] = (data[at + c] ?? 0) / (norms[c] ?? 0);
      yield { start, scores };
      onProgress?.(end, queries.rows);
    }
  } finally {
    await bank.close();
  }
}

/** Rows `start` to `end` as unit rows, copied. @throws FREEBIND_NUMBER_INVALID for a NaN, infinite or zero row */
export async function readUnit(table: Table, start: number, end: number): Promise<Matrix> {
  const rows = await table.read(start, end);
  checkRows(rows, table, (row) => start + row);
  return normaliseRows({ rows: rows.rows, cols: rows.cols, data: rows.data.slice() });
}

/** The same rows divided by their length, as they are read. Its readers throw FREEBIND_NUMBER_INVALID */
export function normalised(table: Table): Table {
  return {
    rows: table.rows,
    cols: table.cols,
    source: table.source,
    read: (start, end) => readUnit(table, start, end),
    gather: async (indices) => {
      const rows = await table.gather(indices);
      checkRows(rows, table, (row) => indices[row] ?? -1);
      return normaliseRows({ ...rows, data: rows.data.slice() });
    },
  };
}

/** The L2 norm of every row, [rows]. */
async function rowNorms(table: Table): Promise<Float64Array> {
  const norms = new Float64Array(table.rows);
  for (let start = 0; start < table.rows; start += ROWS) {
    const tile = await table.read(start, Math.min(start + ROWS, table.rows));
    checkRows(tile, table, (row) => start + row);
    for (let r = 0; r < tile.rows; r++) {
      let sum = 0;
      for (let at = r * tile.cols; at < (r + 1) * tile.cols; at++) sum += (tile.data[at] ?? 0) ** 2;
      norms[start + r] = Math.sqrt(sum);
    }
  }
  return norms;
}

function checkTables(queries: Table, gallery: Table): void {
  for (const table of [queries, gallery]) {
    if (table.rows === 0)
      throw new FreebindError('FREEBIND_SHAPE_MISMATCH', `${table.source} has no rows; evaluation needs at least one.`);
  }
  if (queries.cols !== gallery.cols) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `${queries.source} has ${queries.cols} columns and ${gallery.source} has ${gallery.cols}; cosines need both in one space. Project or compose one of them first.`,
    );
  }
}

function checkRows(rows: Matrix, table: Table, numberOf: (row: number) => number): void {
  const bad = findBadRow(rows);
  if (bad === undefined) return;
  throw new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `Row ${numberOf(bad.row)} of ${table.source} is ${bad.problem === 'zero row' ? 'all zeros' : `not finite (${bad.problem})`}, so its cosine with anything is undefined. Embed that item again or leave it out.`,
  );
}
