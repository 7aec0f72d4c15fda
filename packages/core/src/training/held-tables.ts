import { type Table, tableOf } from '../table.ts';

/** Tables of a run that together need at most this much memory are held in it; larger ones are gathered from their files. */
export const HELD_BYTES = 512 * 2 ** 20;

/** Tables of a run, and whether their rows come from files. */
export interface RunTables {
  readonly tables: Readonly<Record<string, Table>>;
  readonly fromFiles: boolean;
}

/** The same tables, in memory if all of them fit into `budget` bytes in their own precision: gathering random rows is then free of reads. */
export async function holdTables(tables: Readonly<Record<string, Table>>, budget = HELD_BYTES): Promise<RunTables> {
  const entries = Object.entries(tables);
  const sizes = await Promise.all(entries.map(([, table]) => bytesOf(table)));
  if (sizes.reduce((sum, bytes) => sum + bytes, 0) > budget) return { tables, fromFiles: true };
  const held: Record<string, Table> = {};
  for (const [name, table] of entries) held[name] = tableOf(await table.read(0, table.rows), table.source);
  return { tables: held, fromFiles: false };
}

/** What the whole table takes in memory. Its precision shows in any read, also of no rows. */
async function bytesOf(table: Table): Promise<number> {
  const { data } = await table.read(0, 0);
  return table.rows * table.cols * data.BYTES_PER_ELEMENT;
}
