import { setImmediate as turn } from 'node:timers/promises';
import type { StoredRows, Table } from '@freebind/core';
import { packRows } from './packing.ts';
import type { Packed } from './session-protocol.ts';
import { paddedWidth } from './widths.ts';

/**
 * Rows of a tile of the bank, at most. One run multiplies q queries by m rows, 2qm(dk + dv) operations, and reads, writes and
 * hands over its running sums, about 20·q·dv bytes: with dk = dv that is m/5 operations a byte, against the 20 at which two
 * cores are limited by memory instead of arithmetic. 4080 makes that 2.5 % and is no multiple of 1024 (`paddedWidth`).
 */
const TILE_ROWS = 4080;
/** Numbers of a tile, at most: 32 MiB, whatever the width. */
const TILE_NUMBERS = 2 ** 23;

/** Rows of a bank from row `start` on. */
export interface BankTile {
  readonly start: number;
  readonly keys: Packed;
  readonly values?: Packed;
}

/**
 * A bank in tiles of float32, padded. The next one is read while the one before is computed. Tiles that the caller is done with
 * and puts into `spent` are written over: fresh memory costs more than reading into it, a page fault for every 4 KiB.
 */
export function packedTiles(
  keys: Table,
  { values, spent }: { readonly values?: Table | undefined; readonly spent: BankTile[] },
): AsyncGenerator<BankTile, void, undefined> {
  return tilesAhead(keys.rows, tileRows(Math.max(keys.cols, values?.cols ?? 0)), async (start, end) => {
    const rows = [await keys.read(start, end), ...(values ? [await values.read(start, end)] : [])];
    // The run of the tile before is handed over first, and computes while this thread copies.
    await turn();
    const old = spent.pop();
    const [packedKeys, packedValues] = rows.map((part, i) =>
      packRows(part, 0, end - start, paddedWidth(part.cols), (i === 0 ? old?.keys : old?.values)?.data),
    );
    if (packedKeys === undefined) throw new Error('A bank has keys.');
    return { start, keys: packedKeys, ...(packedValues && { values: packedValues }) };
  });
}

/** The same of keys in a file, as they are stored there, where a graph takes that: nothing but reading is left to this thread. */
export function storedTiles(
  { rows, cols, stored }: Table,
  { halves, spent }: { readonly halves: boolean; readonly spent: BankTile[] },
):
  | { readonly tiles: AsyncGenerator<BankTile, void, undefined>; readonly halves: boolean; readonly width: number }
  | undefined {
  if (stored === undefined || !(stored.format === 'F32' || (halves && stored.format === 'F16'))) return undefined;
  const tiles = tilesAhead(rows, tileRows(cols), async (start, end) => {
    const keys = memoryFor(stored, [end - start, cols], spent.pop()?.keys);
    await stored.readInto(start, end, new Uint8Array(keys.data.buffer));
    return { start, keys };
  });
  return { tiles, halves: stored.format === 'F16', width: cols };
}

function memoryFor(
  { format }: StoredRows,
  dims: readonly [number, number],
  spent: Packed | undefined,
): Pick<Packed, 'type' | 'dims' | 'data'> {
  if (spent !== undefined && spent.dims[0] === dims[0]) return spent;
  const size = dims[0] * dims[1];
  return format === 'F16'
    ? { type: 'float16', dims, data: new Uint16Array(size) }
    : { type: 'float32', dims, data: new Float32Array(size) };
}

function tileRows(cols: number): number {
  return Math.max(1, Math.min(TILE_ROWS, Math.floor(TILE_NUMBERS / cols)));
}

/** What `read` gives of every `size` rows of `rows`, the next always under way. */
async function* tilesAhead(
  rows: number,
  size: number,
  read: (start: number, end: number) => Promise<BankTile>,
): AsyncGenerator<BankTile, void, undefined> {
  const begin = (start: number): Promise<BankTile> | undefined => {
    const reading = start < rows ? read(start, Math.min(start + size, rows)) : undefined;
    // Told to whoever takes it; one that nobody takes any more has failed for nobody.
    reading?.catch(() => undefined);
    return reading;
  };
  let next = begin(0);
  try {
    for (let start = 0; next !== undefined; start += size) {
      const tile = await next;
      next = begin(start + size);
      yield tile;
    }
  } finally {
    // The table may be closed as soon as this ends.
    await next?.catch(() => undefined);
  }
}
