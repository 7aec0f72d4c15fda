import { FreebindError } from './errors.ts';
import { findBadRow, type Matrix } from './matrix.ts';
import type { Table } from './table.ts';

/**
 * The rows of `table`, each checked to be finite as it is read; nothing is copied. For encoder features, which need not be
 * unit rows and may be zero.
 *
 * Its readers throw FREEBIND_NUMBER_INVALID naming the table and the row.
 */
export function finiteRows(table: Table): Table {
  return {
    rows: table.rows,
    cols: table.cols,
    source: table.source,
    read: async (start, end) => finite(await table.read(start, end), table, (row) => start + row),
    gather: async (indices, into) => finite(await table.gather(indices, into), table, (row) => indices[row] ?? -1),
  };
}

function finite(rows: Matrix, table: Table, numberOf: (row: number) => number): Matrix {
  let at = 0;
  while (at < rows.rows) {
    const rest = { rows: rows.rows - at, cols: rows.cols, data: rows.data.subarray(at * rows.cols) };
    const bad = findBadRow(rest);
    if (bad === undefined) break;
    if (bad.problem !== 'zero row') {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Row ${numberOf(at + bad.row)} of ${table.source} holds ${bad.problem}. Encode that item again or leave it out.`,
      );
    }
    at += bad.row + 1;
  }
  return rows;
}
