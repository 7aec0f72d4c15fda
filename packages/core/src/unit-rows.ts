import { FreebindError } from './errors.ts';
import { findBadRow, type Matrix, normaliseRows } from './matrix.ts';
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
  const bad = findBadRow(rows);
  if (bad !== undefined) {
    throw new FreebindError(
      'FREEBIND_NUMBER_INVALID',
      `Row ${numberOf(bad.row)} of ${table.source} is ${bad.problem === 'zero row' ? 'all zeros' : `not finite (${bad.problem})`}; embeddings must be unit rows. Embed that item again or leave it out.`,
    );
  }
  const { cols, data } = rows;
  for (let r = 0; r < rows.rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += (data[r * cols + c] ?? 0) ** 2;
    const norm = Math.sqrt(sum);
    if (Math.abs(norm - 1) > UNIT_TOLERANCE) {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Row ${numberOf(r)} of ${table.source} has norm ${norm.toPrecision(4)}, but embeddings must be unit rows. Divide each row by its L2 norm; raw encoder features belong to \`freebind fuse\`.`,
      );
    }
  }
  // A copy: what a table hands out may be a view of somebody's matrix.
  return normaliseRows({ rows: rows.rows, cols, data: data.slice() });
}
