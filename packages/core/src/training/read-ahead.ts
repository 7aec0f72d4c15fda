import { gatherRows, type Matrix, type Reals } from '../matrix.ts';
import type { Table } from '../table.ts';
import type { BlockShuffle } from './shuffle.ts';

/** Most memory for the rows that are trained on and the rows that are read meanwhile, together. */
const READ_AHEAD_BYTES = 512 * 2 ** 20;
/** A block of the narrowest table is about this long in memory: a read of a disk that is worth its latency. */
const BLOCK_BYTES = 128 * 2 ** 10;
/** A window has at least so many blocks, so that a batch never comes from a few places of the file. */
const LEAST_BLOCKS = 64;

/** What read-ahead does with tables of this size: how it shuffles, and batches it fetches at once. */
export interface ReadAheadPlan {
  readonly blocks: BlockShuffle;
  readonly batches: number;
}

/** Windows of whole batches, two of which fit into `bytes`; a batch larger than that is a window of its own. It follows from the tables' shapes alone. */
export async function planReadAhead(
  tables: readonly Table[],
  batch: number,
  bytes = READ_AHEAD_BYTES,
): Promise<ReadAheadPlan> {
  // A table's precision shows in any read, also of no rows.
  const widths = await Promise.all(
    tables.map(async (table) => table.cols * (await table.read(0, 0)).data.BYTES_PER_ELEMENT),
  );
  const row = widths.reduce((sum, width) => sum + width, 0);
  const batches = Math.max(1, Math.floor(bytes / 2 / (batch * row)));
  const window = batches * batch;
  const rows = Math.min(Math.ceil(BLOCK_BYTES / Math.min(...widths)), Math.floor(window / LEAST_BLOCKS));
  return { blocks: { rows: Math.max(1, rows), window }, batches };
}

/** Tables whose next rows are in memory when they are asked for. */
export interface ReadAhead {
  /** The same tables: rows of the current window come from memory, all others from where they always came. */
  readonly tables: Readonly<Record<string, Table>>;
  /** Has the rows of this step in memory, and begins to read those of the window after. @throws what reading the tables throws */
  advance(step: number): Promise<void>;
  /** Waits for reads that are under way. */
  close(): Promise<void>;
}

/** Rows of some steps: their numbers in order, and one matrix a table. */
interface Window {
  readonly number: number;
  readonly rows: Int32Array;
  readonly matrices: Readonly<Record<string, Matrix>>;
}

/** Reads tables in windows of `batches` steps while the steps before are computed. `rowsOf` tells the rows of each of `steps` steps. */
export function readAhead(
  tables: Readonly<Record<string, Table>>,
  {
    rowsOf,
    steps,
    batches,
  }: { readonly rowsOf: (step: number) => Int32Array; readonly steps: number; readonly batches: number },
): ReadAhead {
  let current: Window | undefined;
  let next: Promise<Window> | undefined;
  // Of every table for even windows and for odd ones: the system takes as long to give new pages as it takes to read and
  // decode what goes there. Rows of float64 find no use for it, and take new memory.
  const memories = new Map<string, Float32Array>();

  const memoryOf = (name: string, number: number, length: number): Float32Array => {
    const key = `${number % 2} ${name}`;
    const found = memories.get(key);
    const memory = found === undefined || found.length < length ? new Float32Array(length) : found;
    memories.set(key, memory);
    return memory.subarray(0, length);
  };

  const load = async (number: number): Promise<Window> => {
    const wanted = new Set<number>();
    for (let step = number * batches; step < Math.min((number + 1) * batches, steps); step++)
      for (const row of rowsOf(step)) wanted.add(row);
    const rows = Int32Array.from(wanted).sort();
    const matrices: Record<string, Matrix> = {};
    for (const [name, table] of Object.entries(tables)) {
      const into = memoryOf(name, number, rows.length * table.cols);
      matrices[name] = await table.gather(rows, into);
    }
    return { number, rows, matrices };
  };
  const inMemory = (name: string, table: Table): Table => ({
    rows: table.rows,
    cols: table.cols,
    source: table.source,
    read: (start, end) => table.read(start, end),
    gather: async (indices, into) => {
      const held = current?.matrices[name];
      const found = current === undefined || held === undefined ? undefined : pick(current.rows, held, indices, into);
      return found ?? table.gather(indices, into);
    },
  });
  return {
    tables: Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, inMemory(name, table)])),
    advance: async (step) => {
      const number = Math.floor(step / batches);
      if (current?.number === number) return;
      // Gone before the one after next is read: two windows at most are in memory.
      current = undefined;
      current = await (next ?? load(number));
      if (current.number !== number) current = await load(number);
      next = (number + 1) * batches < steps ? load(number + 1) : undefined;
      // An error of the disk is the next call's, not nobody's.
      next?.catch(() => undefined);
    },
    close: async () => {
      await next?.catch(() => undefined);
      [current, next] = [undefined, undefined];
      memories.clear();
    },
  };
}

/** Rows `indices` of a window, or undefined when one of them is not in it. */
function pick(rows: Int32Array, held: Matrix, indices: ArrayLike<number>, into?: Reals): Matrix | undefined {
  const places = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const place = find(rows, indices[i] ?? -1);
    if (place === undefined) return undefined;
    places[i] = place;
  }
  return gatherRows(held, places, into);
}

function find(sorted: Int32Array, wanted: number): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted ? low : undefined;
}
