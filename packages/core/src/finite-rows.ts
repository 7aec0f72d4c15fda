import { FreebindError } from './errors.ts';
import { findBadRow, findLongRow, type Matrix, sliceRows } from './matrix.ts';
import type { Table } from './table.ts';

/**
 * The rows of `table`, each checked to be finite as it is read, its length too where float32 adds up its squares; nothing is
 * copied. For encoder features, which need not be unit rows and may be zero.
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
  const long = findLongRow(rows);
  if (long === undefined) return rows;
  const bad = findNotFinite(sliceRows(rows, long, long + 1));
  if (bad !== undefined)
    throw new FreebindError(
      'FREEBIND_NUMBER_INVALID',
      `Row ${numberOf(long)} of ${table.source} holds ${bad.problem}. Encode that item again or leave it out.`,
    );
  throw new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `Row ${numberOf(long)} of ${table.source} is too long for float32, in which networks compute: its squares add up to more than 3.4e38. Encode that item again or leave it out; if all rows are so long, divide the table by one number.`,
  );
}

/** The first row with NaN or Inf in it; rows of zeros are passed over. */
export function findNotFinite(rows: Matrix): { readonly row: number; readonly problem: string } | undefined {
  for (let at = 0; at < rows.rows;) {
    const bad = findBadRow(sliceRows(rows, at, rows.rows));
    if (bad === undefined) return undefined;
    if (bad.problem !== 'zero row') return { row: at + bad.row, problem: bad.problem };
    at += bad.row + 1;
  }
  return undefined;
}
