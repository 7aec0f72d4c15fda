import { setImmediate } from 'node:timers/promises';
import { FreebindError } from '../errors.ts';
import type { Matrix } from '../matrix.ts';
import type { Table } from '../table.ts';
import { decodeReals, NUMBER_BYTES, type NumberFormat } from './number-format.ts';
import type { RangedFile } from './ranged-file.ts';

/** Rows that lie one after another in a file, from byte `offset` on. */
export interface RowRegion {
  readonly file: RangedFile;
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
  readonly format: NumberFormat;
  readonly source: string;
}

/** Rows further apart than this are fetched by reads of their own: about what a read costs, in bytes of memory copy. */
const WORTHWHILE_GAP = 8192;
/** A read of several rows ends here, so that gathering needs little memory above its result. */
const LONGEST_RUN = 2 ** 18;
/** The event loop is blocked this long by synchronous reads. */
const TURN_MS = 4;
/** Fewer synchronous reads in a turn show a disk: over 60 µs each. */
const READS_IN_TURN = 64;
/** Reads under way at once: enough to keep libuv's threads (four by default) from waiting for the event loop. */
const READS_AT_ONCE = 64;

/** Widest rows of a table, 2²⁴ numbers. A file of rows bounds their width by its size; a file of none could claim any. */
const WIDEST = 2 ** 24;

/** Rows of a file as a table: F16, BF16 and F32 give float32 matrices, F64 float64. @throws FREEBIND_FILE_INVALID when `cols` is 0 or absurd */
export function tableOfRegion({ file, offset, rows, cols, format, source }: RowRegion): Table {
  if (!Number.isSafeInteger(rows) || !(cols >= 1 && cols <= WIDEST)) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${source} says that it has ${rows} rows of ${cols} columns, but an embedding has 1 to ${WIDEST}. Write or copy the file again.`,
    );
  }
  const stride = cols * NUMBER_BYTES[format];

  const checkRange = (start: number, end: number): void => {
    if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= rows)) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Rows ${start} to ${end} were asked for, but ${source} has ${rows} rows.`,
      );
    }
  };
  const read = async (start: number, end: number): Promise<Matrix> => {
    checkRange(start, end);
    const bytes = await file.read(offset + start * stride, (end - start) * stride);
    return { rows: end - start, cols, data: decodeReals(format, bytes) };
  };

  const gather = async (indices: ArrayLike<number>): Promise<Matrix> => {
    const bytes = new Uint8Array(indices.length * stride);
    const runs = runsOf(sortedPlaces(indices, rows, source), stride);
    const memoryOf = ({ first, last, places: [only, another] }: Run): Uint8Array =>
      only !== undefined && another === undefined
        ? bytes.subarray(only.place * stride, (only.place + 1) * stride)
        : new Uint8Array((last + 1 - first) * stride);
    const deal = ({ first, places }: Run, memory: Uint8Array): void => {
      if (places.length === 1) return; // was read into its place
      for (const { row, place } of places)
        bytes.set(memory.subarray((row - first) * stride, (row - first + 1) * stride), place * stride);
    };

    // Shared by all loops below, so that each run is taken once; an array's iterator goes on after a `break`.
    const work = runs.values();
    // A row that the system has in memory takes 3 to 4 µs of a core by a synchronous read and 12 to 15 by an asynchronous
    // one. So rows are read synchronously, in turns short enough for timers and progress; when a turn shows that the disk
    // has to be asked, the rest is read in parallel.
    let [turn, inTurn] = [performance.now(), 0];
    for (const run of work) {
      const memory = memoryOf(run);
      file.readIntoSync(memory, offset + run.first * stride);
      deal(run, memory);
      inTurn++;
      if (performance.now() - turn < TURN_MS) continue;
      if (inTurn < READS_IN_TURN) break;
      await setImmediate();
      [turn, inTurn] = [performance.now(), 0];
    }
    const readRest = async (): Promise<void> => {
      for (const run of work) {
        const memory = memoryOf(run);
        await file.readInto(memory, offset + run.first * stride);
        deal(run, memory);
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, readRest));
    return { rows: indices.length, cols, data: decodeReals(format, bytes.buffer) };
  };

  const readInto = async (start: number, end: number, bytes: Uint8Array): Promise<void> => {
    checkRange(start, end);
    if (bytes.length !== (end - start) * stride) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Rows ${start} to ${end} of ${source} have ${(end - start) * stride} bytes, but memory of ${bytes.length} was given for them.`,
      );
    }
    await file.readInto(bytes, offset + start * stride);
  };
  return { rows, cols, source, read, gather, stored: { format, readInto } };
}

/** A row that is wanted, and where in the result. */
interface Place {
  readonly row: number;
  readonly place: number;
}

/** Wanted rows in the order in which they lie in the file. */
function sortedPlaces(indices: ArrayLike<number>, rows: number, source: string): readonly Place[] {
  const count = indices.length;
  const places: Place[] = [];
  for (let place = 0; place < count; place++) {
    const row = indices[place] ?? -1;
    if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Row ${row} was asked for, but ${source} has rows 0 to ${rows - 1}.`,
      );
    }
    places.push({ row, place });
  }
  return places.sort((a, b) => a.row - b.row);
}

interface Run {
  readonly first: number;
  last: number;
  readonly places: Place[];
}

/** Groups rows that one read should fetch. */
function runsOf(places: readonly Place[], stride: number): readonly Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const place of places) {
    const { row } = place;
    if (
      run !== undefined &&
      (row - run.last - 1) * stride <= WORTHWHILE_GAP &&
      (row + 1 - run.first) * stride <= LONGEST_RUN
    ) {
      run.last = row;
      run.places.push(place);
    } else {
      run = { first: row, last: row, places: [place] };
      runs.push(run);
    }
  }
  return runs;
}
