import { FreebindError } from '../errors.ts';
import type { RangedFile } from './ranged-file.ts';

/** Bytes of one number, for every type that the format has (huggingface/safetensors, `safetensors/src/tensor.rs`, `Dtype`). */
export const DTYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ['BOOL', 1],
  ['U8', 1],
  ['I8', 1],
  ['F8_E5M2', 1],
  ['F8_E4M3', 1],
  ['I16', 2],
  ['U16', 2],
  ['F16', 2],
  ['BF16', 2],
  ['I32', 4],
  ['U32', 4],
  ['F32', 4],
  ['F64', 8],
  ['I64', 8],
  ['U64', 8],
]);

/** Where one tensor lies in its file. */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In bytes, from the start of the file. */
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the header's order. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The format's own limit (`MAX_HEADER_SIZE` in tensor.rs). */
const LONGEST_HEADER = 100_000_000;

/** Reads and checks the head of a safetensors file against its size, before any tensor is read. @throws FREEBIND_FILE_INVALID */
export async function readSafetensorsHeader(file: RangedFile): Promise<SafetensorsHeader> {
  const invalid = (found: string, cause?: unknown): FreebindError =>
    new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${file.path} is not a sound safetensors file: ${found}. Write or copy it again; with Python, safetensors.numpy.save_file(tensors, p).`,
      { cause },
    );
  if (file.size < 8) throw invalid(`it has ${file.size} bytes, but its header's length alone takes 8`);
  const length = Number(new DataView(await file.read(0, 8)).getBigUint64(0, true));
  if (length > LONGEST_HEADER) throw invalid(`it claims a header of ${length} bytes; at most 100 MB are allowed`);
  if (length > file.size - 8)
    throw invalid(`it claims a header of ${length} bytes, but only ${file.size - 8} follow; it was cut short or lies`);

  let json: unknown;
  let repeated: string | undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.read(8, length));
    json = JSON.parse(text);
    repeated = findRepeatedKey(text);
  } catch (error) {
    if (error instanceof FreebindError) throw error;
    throw invalid('its header is not JSON', error);
  }
  if (!isObject(json)) throw invalid('its header is not a JSON object of tensors');
  if (repeated !== undefined) throw invalid(`its header says ${JSON.stringify(repeated)} twice in one object`);

  const metadata = new Map<string, string>();
  const entries = new Map<string, TensorEntry>();
  const dataStart = 8 + length;
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      if (!isObject(value)) throw invalid('its __metadata__ is not an object');
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') throw invalid(`its metadata ${JSON.stringify(key)} is not a string`);
        metadata.set(key, text);
      }
      continue;
    }
    const quoted = JSON.stringify(name.slice(0, 200));
    if (!isObject(value)) throw invalid(`tensor ${quoted} is not described by an object`);
    const { dtype, shape, data_offsets: offsets } = value;
    const bytes = typeof dtype === 'string' ? DTYPE_BYTES.get(dtype) : undefined;
    if (typeof dtype !== 'string' || bytes === undefined)
      throw invalid(
        `tensor ${quoted} is of type ${typeof dtype === 'string' ? JSON.stringify(dtype.slice(0, 80)) : typeof dtype}, expected one of ${[...DTYPE_BYTES.keys()].join(', ')}`,
      );
    if (!isCounts(shape)) throw invalid(`tensor ${quoted} has no shape of whole numbers`);
    if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`tensor ${quoted} has no pair of data_offsets`);
    const [begin = 0, end = 0] = offsets;
    const size = shape.reduce((product, n) => product * n, bytes);
    // A product that overflowed is Infinity or no longer a safe integer; 0 · Infinity is NaN and no safe integer either.
    if (!Number.isSafeInteger(size) || size !== end - begin)
      throw invalid(
        `tensor ${quoted} of shape [${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', …' : ''}] and type ${dtype} takes ${size} bytes, but data_offsets [${begin}, ${end}] give it ${end - begin}`,
      );
    if (end > file.size - dataStart)
      throw invalid(`tensor ${quoted} ends at byte ${end} of the data, but the file has only ${file.size - dataStart}`);
    entries.set(name, { dtype, shape, start: dataStart + begin, end: dataStart + end });
  }
  checkCoverage(entries, dataStart, file.size, invalid);
  return { entries, metadata };
}

/** Tensors must cover the data without overlap or gap, so that nothing hides in the file. */
function checkCoverage(
  entries: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
  fileEnd: number,
  invalid: (found: string) => FreebindError,
): void {
  let at = dataStart;
  let before = 'the header';
  for (const [name, { start, end }] of [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    const quoted = `tensor ${JSON.stringify(name)}`;
    if (start < at) throw invalid(`${quoted} overlaps ${before} by ${at - start} bytes`);
    if (start > at) throw invalid(`${start - at} bytes between ${before} and ${quoted} belong to no tensor`);
    at = end;
    before = quoted;
  }
  if (at !== fileEnd) throw invalid(`${fileEnd - at} bytes after ${before} belong to no tensor`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** A key that one object of the JSON `text`, known to parse, has twice; JSON.parse would keep the last and say nothing. */
function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  // Strings (with the colon that makes them keys) and brackets; everything else does not matter.
  for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (string !== undefined) {
      const key = String(JSON.parse(string));
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
