import { FreebindError } from '../errors.ts';
import type { Matrix } from '../matrix.ts';
import type { Table } from '../table.ts';
import { createFileAtomic } from './atomic.ts';
import { NPY_FORMATS, type NpyDtype, readNpyHeader, writtenNpyHeader } from './npy-header.ts';
import { encodeReals } from './number-format.ts';
import { RangedFile } from './ranged-file.ts';
import { tableOfRegion } from './row-region.ts';

/** A `.npy` file as a table: f2 and f4 give float32 matrices, f8 float64. */
export interface NpyTable extends Table {
  readonly dtype: NpyDtype;
  /** Reads that are under way finish first. Calling it twice is quiet. */
  close(): Promise<void>;
}

/**
 * Opens a 2-D, C-order, little-endian `.npy` file of f2, f4 or f8. Its head and size are checked; rows are read when they
 * are asked for, and only those.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID
 */
export async function openNpy(path: string): Promise<NpyTable> {
  const file = await RangedFile.open(path);
  try {
    const { dtype, ...region } = await readNpyHeader(file);
    const table = tableOfRegion({ ...region, file, format: NPY_FORMATS[dtype], source: path });
    return { ...table, dtype, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A `.npy` file that is being written, rows after rows. */
export interface NpyWriter {
  /** Rows so far. */
  readonly rows: number;
  /** Adds rows [n, cols]. @throws FREEBIND_SHAPE_MISMATCH FREEBIND_WRITE_FAILED */
  append(rows: Matrix): Promise<void>;
  /** Completes the header, makes the file durable and gives it its name. @throws FREEBIND_WRITE_FAILED */
  commit(): Promise<void>;
  /** Removes what was written. Quiet after `commit`, so it can stand in a `finally`. */
  discard(): Promise<void>;
}

/** Starts a `.npy` file of rows of `cols` numbers (default f4), rounded to nearest where `dtype` is narrower than the rows. @throws FREEBIND_WRITE_FAILED */
export async function createNpy(
  path: string,
  { cols, dtype = 'f4' }: { readonly cols: number; readonly dtype?: NpyDtype },
): Promise<NpyWriter> {
  if (!Number.isSafeInteger(cols) || cols < 1) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A table of ${cols} columns cannot be written to ${path}; it needs at least one.`,
    );
  }
  let rows = 0;
  const file = await createFileAtomic(path);
  // The row count is not known yet, but the header's length is.
  await file.write(writtenNpyHeader(dtype, 0, cols));
  return {
    get rows() {
      return rows;
    },
    append: async (more) => {
      if (more.cols !== cols) {
        throw new FreebindError(
          'FREEBIND_SHAPE_MISMATCH',
          `Rows of ${more.cols} columns cannot be added to ${path}, whose rows have ${cols}.`,
        );
      }
      rows += more.rows;
      await file.write(encodeReals(NPY_FORMATS[dtype], more.data));
    },
    commit: async () => {
      await file.write(writtenNpyHeader(dtype, rows, cols), 0);
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

/** Writes `rows` as a `.npy` file, in their own precision unless `dtype` says another: all of it, or nothing. @throws FREEBIND_WRITE_FAILED */
export async function writeNpy(
  path: string,
  rows: Matrix,
  { dtype = rows.data instanceof Float64Array ? 'f8' : 'f4' }: { readonly dtype?: NpyDtype } = {},
): Promise<void> {
  const writer = await createNpy(path, { cols: rows.cols, dtype });
  try {
    await writer.append(rows);
    await writer.commit();
  } finally {
    await writer.discard();
  }
}
