import { type Matrix, type Table, type TrainerOptions } from '@freebind/core';
import type { Device } from './device.ts';
import { type Memory, write } from './memory.ts';
import { alignedBytes, type Rows, sliceOf } from './rows.ts';
import { tilesOf } from './table-tiles.ts';

/** Where a batch's rows come from: the whole table on the device, or a batch that the host gathers. */
export interface BatchSource {
  readonly rows: Rows;
  /** Numbers of the rows within `rows`, where they are not the step's own: 0, 1, 2, … of a batch. */
  readonly numbers: Rows | undefined;
  /** The table that the host gathers from. */
  readonly host: Table | undefined;
}

/** The tables that pairs name, in order of first use. */
export function namedTables({ objective, tables }: TrainerOptions): readonly (readonly [string, Table])[] {
  const names = new Set(objective.pairs.flatMap(({ left, right }) => [left.table, right.table]));
  return [...names].flatMap((name) => {
    const table = tables[name];
    return table ? [[name, table] as const] : [];
  });
}

/**
 * Places for the tables: smallest first, they go onto the device as whole tables for as long as `residentBytes` lasts and a binding
 * covers each; the others as batches. Call it within `Device.guard`; then `fill`.
 */
export function batchSources(
  device: Device,
  memory: Memory,
  options: TrainerOptions,
  residentBytes: number,
): ReadonlyMap<string, BatchSource> {
  const tables = namedTables(options);
  const resident = new Set<string>();
  let left = residentBytes;
  for (const [name, table] of [...tables].sort(([, a], [, b]) => sizeOf(a) - sizeOf(b))) {
    if (sizeOf(table) > left || sizeOf(table) > device.largestBinding) continue;
    left -= sizeOf(table);
    resident.add(name);
  }
  let counting: Rows | undefined;
  return new Map(
    tables.map(([name, table]): [string, BatchSource] => {
      if (resident.has(name))
        return [
          name,
          { rows: memory.take(`table ${name}`, table.rows, table.cols), numbers: undefined, host: undefined },
        ];
      counting ??= countingRows(device, memory, options.batch);
      return [
        name,
        { rows: memory.take(`batch of ${name}`, options.batch, table.cols), numbers: counting, host: table },
      ];
    }),
  );
}

/** Uploads the tables that are on the device whole, in pieces. */
export async function fill(
  device: Device,
  options: TrainerOptions,
  sources: ReadonlyMap<string, BatchSource>,
  check: () => void,
): Promise<void> {
  for (const [name, table] of namedTables(options)) {
    const source = sources.get(name);
    if (source === undefined || source.host) continue;
    for (const { start, end } of tilesOf(table.rows, table.cols)) {
      const tile = await table.read(start, end);
      check();
      await device.guard(`Uploading table "${name}"`, () => write(device, sliceOf(source.rows, start, end), tile.data));
      // What was written waits in the host's memory until the device has taken it.
      await device.queue.onSubmittedWorkDone();
    }
  }
}

/** The batch's rows of every table that stays on the host. */
export async function gatherOnHost(
  sources: ReadonlyMap<string, BatchSource>,
  numbers: Int32Array,
): Promise<readonly { readonly into: Rows; readonly batch: Matrix }[]> {
  const batches: { into: Rows; batch: Matrix }[] = [];
  for (const { rows, host } of sources.values())
    if (host) batches.push({ into: rows, batch: await host.gather(numbers) });
  return batches;
}

function sizeOf({ rows, cols }: Table): number {
  return alignedBytes(rows * cols);
}

function countingRows(device: Device, memory: Memory, count: number): Rows {
  const rows = memory.take('numbers', 1, count);
  write(
    device,
    rows,
    Uint32Array.from({ length: count }, (_, i) => i),
  );
  return rows;
}
