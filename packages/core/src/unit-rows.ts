import { FreebindError } from './errors.ts';
import { findBadRow, type Matrix, sliceRows } from './matrix.ts';
import type { Table } from './table.ts';

/**
 * How far a stored row's norm may be from 1. A float16 entry is off by at most 2⁻¹¹ of its size, so a rounded unit row stays
 * within 5e-4 of length 1; bfloat16 (2⁻⁹) within 2e-3. Beyond 1e-2 the row was not normalised at all.
 */
export const UNIT_TOLERANCE = 1e-2;

/**
 * The rows of `table`, each checked to be a unit row up to rounding and divided by its norm, so that float16 tables carry
 * exact unit rows. The table is not copied: rows are checked and scaled as they are read.
 *
 * Its readers throw FREEBIND_NUMBER_INVALID naming the table and the row.
 */
export function unitRows(table: Table): Table {
  return {
    rows: table.rows,
    cols: table.cols,
    source: table.source,
    read: async (start, end) => unit(await table.read(start, end), table, (row) => start + row),
    gather: async (indices) => unit(await table.gather(indices), table, (row) => indices[row] ?? -1),
  };
}

function unit(rows: Matrix, table: Table, numberOf: (row: number) => number): Matrix {
  const { cols, data } = rows;
  // A copy: what a table hands out may be a view of somebody's matrix.
  const out = data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length);
  for (let r = 0, at = 0; r < rows.rows; r++, at += cols) {
    let sum = 0;
    for (let c = at; c < at + cols; c++) {
      const x = data[c] ?? 0;
      sum += x * x;
    }
    const norm = Math.sqrt(sum);
    // Also where it is NaN.
    if (!(Math.abs(norm - 1) <= UNIT_TOLERANCE)) throw notUnit(sliceRows(rows, r, r + 1), norm, table, numberOf(r));
    const scale = 1 / norm;
    for (let c = at; c < at + cols; c++) out[c] = (data[c] ?? 0) * scale;
  }
  return { rows: rows.rows, cols, data: out };
}

function notUnit(row: Matrix, norm: number, { source }: Table, number: number): FreebindError {
  const bad = findBadRow(row);
  return new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    bad === undefined
      ? `Row ${number} of ${source} has norm ${norm.toPrecision(4)}, but embeddings must be unit rows. Divide each row by its L2 norm; raw encoder features belong to \`freebind fuse\`.`
      : `Row ${number} of ${source} is ${bad.problem === 'zero row' ? 'all zeros' : `not finite (${bad.problem})`}; embeddings must be unit rows. Embed that item again or leave it out.`,
  );
}
