import type { Matrix } from '../matrix.ts';
import type { Table } from '../table.ts';

/** Numbers of one tile: 4 MiB of float32. */
const TILE_NUMBERS = 2 ** 20;

/** Every row of `table` in order, in tiles whose size does not depend on the number of rows. */
export async function* tilesOf(table: Table): AsyncGenerator<{ readonly start: number; readonly rows: Matrix }> {
  const step = Math.max(1, Math.floor(TILE_NUMBERS / Math.max(1, table.cols)));
  for (let start = 0; start < table.rows; start += step) {
    yield { start, rows: await table.read(start, Math.min(table.rows, start + step)) };
  }
}
