import { FreebindError } from '../errors.ts';
import type { NumberFormat } from './number-format.ts';
import type { RangedFile } from './ranged-file.ts';

/** Types of the numbers in a `.npy` file, as NumPy names them: half, single and double precision. */
export type NpyDtype = 'f2' | 'f4' | 'f8';

export const NPY_FORMATS: Readonly<Record<NpyDtype, Exclude<NumberFormat, 'BF16'>>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
};

/** What the head of a `.npy` file says (numpy/lib/format.py), and where its numbers begin. */
export interface NpyHeader {
  readonly dtype: NpyDtype;
  readonly rows: number;
  readonly cols: number;
  readonly offset: number;
}

/** NumPy writes 118 bytes for any array of plain numbers; its own readers refuse more than 10,000 (`max_header_size`). */
const LONGEST_HEADER = 10_000;
/** Bytes before the numbers in files that we write: room for any row count, and NumPy's own length for two dimensions. */
export const WRITTEN_HEADER = 128;

/** Reads and checks the head of a `.npy` file against the file's size. @throws FREEBIND_FILE_INVALID */
export async function readNpyHeader(file: RangedFile): Promise<NpyHeader> {
  const invalid = (found: string, mend: string): FreebindError =>
    new FreebindError('FREEBIND_FILE_INVALID', `${file.path} ${found}. ${mend}`);
  const whole = 'Write or copy the file again.';

  const start = new Uint8Array(await file.read(0, Math.min(12, file.size)));
  if (file.size < 10 || String.fromCharCode(...start.subarray(0, 6)) !== '\x93NUMPY') {
    throw invalid(
      'does not begin with "\\x93NUMPY", as every .npy file does',
      `Expected a 2-D array of floats. ${save('x')}`,
    );
  }
  const version = start[6] ?? 0;
  if (version < 1 || version > 3)
    throw invalid(`is of .npy version ${version}, but versions 1 to 3 are known`, save('x'));
  const view = new DataView(start.buffer);
  const lengthBytes = version === 1 ? 2 : 4;
  if (file.size < 8 + lengthBytes) throw invalid(`ends after ${file.size} bytes, within its header`, whole);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = 8 + lengthBytes + length;
  if (length > LONGEST_HEADER) {
    throw invalid(
      `says that its header is ${length} bytes long; a plain array needs fewer than ${LONGEST_HEADER}`,
      save("np.asarray(x, dtype='<f4')"),
    );
  }
  if (offset > file.size)
    throw invalid(
      `says that its header is ${length} bytes long, but ends after ${file.size} bytes; it was cut short`,
      whole,
    );

  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(await file.read(8 + lengthBytes, length));
  const header = parseDict(text);
  const [descr, order, shape] = [header?.get('descr'), header?.get('fortran_order'), header?.get('shape')];
  if (header?.size !== 3 || descr === undefined || order === undefined || shape === undefined) {
    throw invalid(
      `has the header ${JSON.stringify(text.slice(0, 200))}, but a dictionary of descr, fortran_order and shape was expected`,
      save('x'),
    );
  }
  const shown = brief(shape);
  const dims = /^\(([\d\s,L]*)\)$/
    .exec(shape)?.[1]
    ?.split(',')
    .map((n) => n.trim().replace(/L$/, ''));
  if (dims?.at(-1) === '') dims.pop();
  if (dims === undefined || !dims.every((n) => /^\d+$/.test(n)))
    throw invalid(`has the shape ${shown}, which is not a tuple of whole numbers`, save('x'));
  const type = /^(['"])([<>=|]?)(\w+)\1$/.exec(descr);
  const [dtype, endian] = [type?.[3], type?.[2]];
  if (dtype === 'O') {
    throw invalid(
      'holds Python objects (dtype object), as NumPy stores ragged rows; reading those would run code, so nothing was read. Expected a 2-D array of f2, f4 or f8, all rows of one length',
      save("np.array([np.asarray(r, '<f4') for r in x])"),
    );
  }
  if (dtype !== 'f2' && dtype !== 'f4' && dtype !== 'f8')
    throw invalid(`holds numbers of type ${brief(descr)}, but f2, f4 or f8 was expected`, save("x.astype('<f4')"));
  if (endian !== '<')
    throw invalid(
      `holds numbers of type ${brief(descr)}, not little-endian; "<${dtype}" was expected`,
      save(`x.astype('<${dtype}')`),
    );
  if (order !== 'False' && order !== 'True')
    throw invalid(`says fortran_order: ${brief(order)}, but True or False was expected`, save('x'));
  if (dims.length !== 2) {
    throw invalid(
      `has shape ${shown}, ${dims.length}-D, but a table is 2-D: one row an item`,
      save(dims.length === 1 ? 'x[np.newaxis])  # one row, or np.save(p, x[:, np.newaxis]' : 'x.reshape(len(x), -1)'),
    );
  }
  if (order === 'True')
    throw invalid(
      'is in Fortran order (column by column), but rows must lie one after another (C order)',
      save(`np.ascontiguousarray(x.astype('<${dtype}'))`),
    );

  const [rows = NaN, cols = NaN] = dims.map(Number);
  const expected = rows * cols * Number(dtype[1]);
  if (cols === 0) throw invalid(`has shape ${shown}: rows without columns hold nothing`, 'Write rows of at least one.');
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(expected))
    throw invalid(`says shape ${shown}, more than any disk holds, in a file of ${file.size} bytes`, whole);
  if (file.size - offset !== expected) {
    const found = file.size - offset;
    throw invalid(
      `says shape ${shown} of ${dtype}, which is ${expected} bytes of numbers, but has ${found} bytes after its header: ${found < expected ? 'it was cut short, or its header lies' : 'something follows the array, or its header lies'}`,
      `Write or copy the file again, one array a file. ${save('x')}`,
    );
  }
  return { dtype, rows, cols, offset };
}

/** What a message quotes of a header that may be thousands of characters long. */
function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** How NumPy writes what was expected. */
function save(x: string): string {
  return `With NumPy: np.save(p, ${x}).`;
}

/** A Python dictionary of strings, tuples and booleans, as source texts by key; undefined if it is not one or repeats a key. */
function parseDict(text: string): ReadonlyMap<string, string> | undefined {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const entries = new Map<string, string>();
  // A list is the description of a record type; it is told apart from a plain one later.
  const entry = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|\([^()]*\)|\[.*\]|\w+)\s*(?:,|$)/sy;
  while (inner.slice(entry.lastIndex).trim() !== '') {
    const [, , key, value] = entry.exec(inner) ?? [];
    if (key === undefined || value === undefined || entries.has(key)) return undefined;
    entries.set(key, value);
  }
  return entries;
}

/** The head of a `.npy` file, WRITTEN_HEADER bytes, the same as NumPy's own. */
export function writtenNpyHeader(dtype: NpyDtype, rows: number, cols: number): Uint8Array {
  const dict = `{'descr': '<${dtype}', 'fortran_order': False, 'shape': (${rows}, ${cols}), }`;
  const bytes = new TextEncoder().encode(`\x00NUMPY\x01\x00\x00\x00${dict.padEnd(WRITTEN_HEADER - 11)}\n`);
  bytes[0] = 0x93;
  new DataView(bytes.buffer).setUint16(8, WRITTEN_HEADER - 10, true);
  return bytes;
}
