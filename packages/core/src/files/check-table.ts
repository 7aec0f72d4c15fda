import { FreebindError } from '../errors.ts';
import { findBadRow } from '../matrix.ts';
import type { Table } from '../table.ts';
import { unitRows } from '../unit-rows.ts';
import { tilesOf } from './tiles.ts';

/** Reads `table` once, in tiles, and refuses NaN, Inf and zero rows, and with `unit` also rows that are not of length one. @throws FREEBIND_NUMBER_INVALID naming the file and the row */
export async function checkTable(table: Table, { unit = false }: { readonly unit?: boolean } = {}): Promise<void> {
  for await (const { start, rows } of tilesOf(unit ? unitRows(table) : table)) {
    const bad = findBadRow(rows);
    if (bad === undefined) continue;
    throw new FreebindError(
      'FREEBIND_NUMBER_INVALID',
      `Row ${start + bad.row} of ${table.source} ${bad.problem === 'zero row' ? 'is all zeros' : `holds ${bad.problem}`} (rows count from 0), but every embedding must be finite and not zero. Embed that item again, or leave it out of every table of its modality.`,
    );
  }
}
