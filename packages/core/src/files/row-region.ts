import { setImmediate } from 'node:timers/promises';
import { FreebindError } from '../errors.ts';
import type { Matrix, Reals } from '../matrix.ts';
import type { Table } from '../table.ts';
import { decodeReals, NUMBER_BYTES, type NumberFormat, startDecoding } from './number-format.ts';
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
/**
 * A synchronous read that takes longer shows a disk: 60 µs, and 1 ms a MB, a third of the rate at which memory is copied. It
 * may also show that other work had the core meanwhile, so most reads of a turn have to.
 */
const [CALL_MS, BYTE_MS] = [0.06, 1e-6];
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

  const gather = async (indices: ArrayLike<number>, into?: Reals): Promise<Matrix> => {
    const { data, decode } = startDecoding(format, indices.length * cols, into);
    const wanted = inFileOrder(indices, rows, source);
    const runs = runsOf(wanted, stride);
    const deal = ({ from, to, first }: Run, memory: Uint8Array): void => {
      for (let i = from; i < to;) {
        const end = endOfStretch(wanted, i, to);
        const at = (wanted.rows[i] ?? 0) - first;
        decode(memory.subarray(at * stride, (at + end - i) * stride), (wanted.places[i] ?? 0) * cols);
        i = end;
      }
    };

    // Shared by all loops below, so that each run is taken once; an array's iterator goes on after a `break`.
    const work = runs.values();
    // A row that the system has in memory takes 3 to 4 µs of a core by a synchronous read and 12 to 15 by an asynchronous
    // one. So rows are read synchronously, in turns short enough for timers and progress; when a turn shows that the disk
    // has to be asked, the rest is read in parallel. One memory for all of them stays in the caches until it is decoded.
    const scratch = new Uint8Array(runs.reduce((most, run) => Math.max(most, run.bytes), 0));
    let [turn, inTurn, slow] = [performance.now(), 0, 0];
    for (const run of work) {
      const memory = scratch.subarray(0, run.bytes);
      const start = performance.now();
      file.readIntoSync(memory, offset + run.first * stride);
      if (performance.now() - start > CALL_MS + memory.length * BYTE_MS) slow++;
      deal(run, memory);
      inTurn++;
      if (performance.now() - turn < TURN_MS) continue;
      if (2 * slow > inTurn) break;
      await setImmediate();
      [turn, inTurn, slow] = [performance.now(), 0, 0];
    }
    const readRest = async (): Promise<void> => {
      for (const run of work) {
        const memory = new Uint8Array(run.bytes);
        await file.readInto(memory, offset + run.first * stride);
        deal(run, memory);
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, readRest));
    return { rows: indices.length, cols, data };
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

/** Rows in the order in which they lie in the file, and the place of each in the result. */
interface Wanted {
  readonly rows: Float64Array;
  readonly places: Float64Array;
}

function inFileOrder(indices: ArrayLike<number>, rows: number, source: string): Wanted {
  const count = indices.length;
  // Row and place as one number, exact below 2⁵³: sorting numbers is ten times as fast as sorting objects.
  const keys = new Float64Array(count);
  for (let place = 0; place < count; place++) {
    const row = indices[place] ?? -1;
    if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Row ${row} was asked for, but ${source} has rows 0 to ${rows - 1}.`,
      );
    }
    keys[place] = row * count + place;
  }
  keys.sort();
  return { rows: keys.map((key) => Math.floor(key / count)), places: keys.map((key) => key % count) };
}

/** Where the rows end that lie one after another from `start` on, in the file and in the result. */
function endOfStretch({ rows, places }: Wanted, start: number, to: number): number {
  let end = start + 1;
  while (end < to && rows[end] === (rows[end - 1] ?? 0) + 1 && places[end] === (places[end - 1] ?? 0) + 1) end++;
  return end;
}

/** Wanted rows `from` to `to` (exclusive), that one read should fetch: it begins with row `first` of the file. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly bytes: number;
}

function runsOf({ rows }: Wanted, stride: number): readonly Run[] {
  const runs: Run[] = [];
  for (let from = 0, to = 1; from < rows.length; from = to++) {
    const first = rows[from] ?? 0;
    const belongs = (row: number, last: number): boolean =>
      (row - last - 1) * stride <= WORTHWHILE_GAP && (row + 1 - first) * stride <= LONGEST_RUN;
    while (to < rows.length && belongs(rows[to] ?? 0, rows[to - 1] ?? 0)) to++;
    runs.push({ from, to, first, bytes: ((rows[to - 1] ?? 0) + 1 - first) * stride });
  }
  return runs;
}
