import { ROW_ALIGNMENT } from './rows.ts';

/** Numbers of one tile of a table, at most: 16 MiB, so that two in flight and their copies are little on any device. */
const TILE_NUMBERS = 2 ** 22;
/** Rows of one tile, at most: with a block of 1024 queries its scores are 16 MiB. */
const TILE_ROWS = 4096;

/** Rows `start` to `end` of a table, in order; every start is one that a piece of device rows may have. */
export function tilesOf(rows: number, widest: number): readonly { readonly start: number; readonly end: number }[] {
  const fitting = Math.floor(TILE_NUMBERS / Math.max(1, widest) / ROW_ALIGNMENT) * ROW_ALIGNMENT;
  const size = Math.min(TILE_ROWS, Math.max(ROW_ALIGNMENT, fitting));
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({
    start: i * size,
    end: Math.min((i + 1) * size, rows),
  }));
}
