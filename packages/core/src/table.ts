import { FreebindError } from './errors.ts';
import type { NumberFormat } from './files/number-format.ts';
import { gatherRows, type Matrix, memoryFor, type Reals, sliceRows } from './matrix.ts';

/**
 * Rows that need not be in memory: a `.npy` file, a safetensors tensor, a matrix, or some of these in a row.
 * Both readers copy or view only what is asked for, so work in tiles keeps memory constant in the number of rows.
 */
export interface Table {
  readonly rows: number;
  readonly cols: number;
  /** What the rows come from, for messages: a path, or what the caller named it. */
  readonly source: string;
  /** Rows `start` to `end` (exclusive). */
  read(start: number, end: number): Promise<Matrix>;
  /**
   * The rows named by `indices`, in that order; a row may be named more than once. They lie in `into` if it has their length
   * and precision and the table makes use of it.
   */
  gather(indices: ArrayLike<number>, into?: Reals): Promise<Matrix>;
  /** The same rows as they lie in a file, where they do; a table made of another's changed numbers has none. */
  readonly stored?: StoredRows;
}

/** Rows as they lie in a file, for a reader that widens numbers itself and has memory to read into. */
export interface StoredRows {
  readonly format: NumberFormat;
  /** Fills `bytes`, as long as those rows, with rows `start` to `end` (exclusive). */
  readInto(start: number, end: number, bytes: Uint8Array): Promise<void>;
}

/** A matrix as a table. Reads are views of the matrix, not copies. */
export function tableOf(m: Matrix, source = 'a matrix in memory'): Table {
  return {
    rows: m.rows,
    cols: m.cols,
    source,
    read: async (start, end) => sliceRows(m, start, end),
    gather: async (indices, into) => gatherRows(m, indices, into),
  };
}

/** A table whose rows are `indices` of another, without copying it. */
export function selectRows(table: Table, indices: Int32Array): Table {
  return {
    rows: indices.length,
    cols: table.cols,
    source: table.source,
    read: (start, end) => table.gather(indices.subarray(start, end)),
    gather: (wanted, into) =>
      table.gather(
        Int32Array.from({ length: wanted.length }, (_, i) => indices[wanted[i] ?? -1] ?? -1),
        into,
      ),
  };
}

/** Tables of one width, one below the other; float64 if any of them is. @throws FREEBIND_SHAPE_MISMATCH */
export function stackTables(tables: readonly Table[]): Table {
  const [first] = tables;
  if (first === undefined)
    throw new FreebindError('FREEBIND_SHAPE_MISMATCH', 'No tables were given to stack; give at least one.');
  const starts: number[] = [];
  let rows = 0;
  for (const table of tables) {
    if (table.cols !== first.cols) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Cannot stack ${table.source} (${table.cols} columns) below ${first.source} (${first.cols} columns); stacked tables must have one width.`,
      );
    }
    starts.push(rows);
    rows += table.rows;
  }
  if (tables.length === 1) return first;

  const gather = async (indices: ArrayLike<number>, into?: Reals): Promise<Matrix> => {
    // By table: which of its rows are wanted, and where in the answer each goes.
    const wanted = tables.map(() => ({ rows: [] as number[], places: [] as number[] }));
    for (let i = 0; i < indices.length; i++) {
      const r = indices[i] ?? -1;
      const t = starts.findLastIndex((start) => start <= r);
      const part = wanted[t];
      if (part === undefined || r >= rows) {
        throw new FreebindError(
          'FREEBIND_SHAPE_MISMATCH',
          `Row ${r} was asked for, but the stacked tables have rows 0 to ${rows - 1}.`,
        );
      }
      part.rows.push(r - (starts[t] ?? 0));
      part.places.push(i);
    }
    const parts = await Promise.all(tables.map((table, t) => table.gather(wanted[t]?.rows ?? [])));
    // Rounding the others to float32 would lose what a float64 backend computed.
    const double = parts.some((part) => part.data instanceof Float64Array);
    const data = memoryFor(indices.length * first.cols, double, into);
    parts.forEach((part, t) => {
      wanted[t]?.places.forEach((place, i) => {
        data.set(part.data.subarray(i * first.cols, (i + 1) * first.cols), place * first.cols);
      });
    });
    return { rows: indices.length, cols: first.cols, data };
  };
  return {
    rows,
    cols: first.cols,
    source: tables.map((table) => table.source).join(' + '),
    read: (start, end) => gather(Int32Array.from({ length: end - start }, (_, i) => start + i)),
    gather,
  };
}
