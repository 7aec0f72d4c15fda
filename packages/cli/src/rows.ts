import { finiteRows, FreebindError, findBadRow, type Matrix, normaliseRows, type Table } from '@freebind/core';
import { createNpy, type NpyWriter } from '@freebind/core/files';
import type { Session } from './session.ts';

/** Rows that are worked on at a time: at most 16 MiB of float32, and enough for a large-GEMM rate. */
const TILE_NUMBERS = 2 ** 22;

/** Rows in half precision are within 5e-4 of length 1; beyond this nothing was normalised. */
const UNIT_TOLERANCE = 1e-2;

/**
 * The rows of `table`, refused where they are not finite, too long for float32 or all zeros: FREEBIND_NUMBER_INVALID. With `unit`
 * they are divided by their length; else they are used as they are, and `warn` is told once if they are not of length one.
 */
export function checkedRows(
  table: Table,
  { unit = false, warn }: { readonly unit?: boolean | undefined; readonly warn?: (text: string) => void } = {},
): Table {
  const finite = finiteRows(table);
  let warned = warn === undefined || unit;
  const check = (rows: Matrix, numberOf: (row: number) => number): Matrix => {
    const bad = findBadRow(rows);
    if (bad !== undefined) {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Row ${numberOf(bad.row)} of ${table.source} is all zeros (rows count from 0), so it stands for nothing. Encode that item again or leave it out.`,
      );
    }
    if (unit) return normaliseRows({ ...rows, data: rows.data.slice() });
    const length = warned ? 1 : Math.hypot(...rows.data.subarray(0, rows.cols));
    if (Math.abs(length - 1) > UNIT_TOLERANCE) {
      warn?.(
        `${table.source}: rows are not of length 1 (row ${numberOf(0)} is ${length.toPrecision(3)}), as embeddings of a space are. They are used as they are; --unit divides them.`,
      );
      warned = true;
    }
    return rows;
  };
  return {
    rows: table.rows,
    cols: table.cols,
    source: table.source,
    read: async (start, end) => check(await finite.read(start, end), (row) => start + row),
    gather: async (indices) => check(await finite.gather(indices), (row) => indices[row] ?? -1),
  };
}

/** `map` of the rows of `input`, in tiles of at most `most` rows; memory does not grow with their number. @throws FREEBIND_ABORTED, and what reading and `map` throw */
export async function* mapTiles(
  input: Table,
  map: (rows: Matrix) => Promise<Matrix>,
  { signal, most = Infinity }: { readonly signal: AbortSignal; readonly most?: number },
): AsyncGenerator<Matrix, void, undefined> {
  const step = Math.max(1, Math.min(most, Math.floor(TILE_NUMBERS / Math.max(input.cols, 1))));
  for (let start = 0; start < input.rows; start += step) {
    if (signal.aborted) throw new FreebindError('FREEBIND_ABORTED', `Stopped at row ${start} of ${input.rows}.`);
    yield await map(await input.read(start, Math.min(start + step, input.rows)));
  }
}

/** A table that is written, and how that is told. */
export interface Target {
  readonly out: string;
  readonly cols: number;
  readonly rows: number;
  readonly stage: string;
}

/** Writes `tiles`, one below the other, as the table `out`, which has its name only when all rows are in it. */
export async function writeTiles(tiles: AsyncIterable<Matrix>, to: Target, session: Session): Promise<void> {
  const writer = await fillTable(tiles, to, session);
  try {
    await writer.commit();
  } finally {
    await writer.discard();
  }
}

/** As `writeTiles`, but the table gets its name when the caller commits it; where that fails, nothing is left. */
export async function fillTable(tiles: AsyncIterable<Matrix>, to: Target, session: Session): Promise<NpyWriter> {
  const { out, cols, rows, stage } = to;
  const progress = await session.progress();
  const writer = await createNpy(out, { cols });
  try {
    for await (const tile of tiles) {
      await writer.append(tile);
      progress.update({ stage, done: writer.rows, total: rows });
    }
    return writer;
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    progress.stop();
  }
}
