import { FreebindError } from '../errors.ts';
import type { Reals } from '../matrix.ts';
import type { Tensor } from '../network.ts';
import type { Table } from '../table.ts';
import { decodeReals, NUMBER_BYTES, type NumberFormat } from './number-format.ts';
import { RangedFile } from './ranged-file.ts';
import { tableOfRegion } from './row-region.ts';
import { readSafetensorsHeader, type TensorEntry } from './safetensors-header.ts';

/** What a safetensors file says of one tensor. */
export interface TensorInfo {
  /** As the format names it: F16, BF16, F32, F64, I64, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** An open safetensors file. Tensors are read when they are asked for. */
export interface SafetensorsFile {
  readonly path: string;
  /** Names of the tensors, sorted. */
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** @throws FREEBIND_FILE_INVALID when there is no such tensor */
  info(name: string): TensorInfo;
  /** The whole tensor: float32 for F16, BF16 and F32, float64 for F64, whole numbers and booleans (exact within ±2⁵³). @throws FREEBIND_FILE_INVALID */
  tensor(name: string): Promise<Tensor>;
  /** A 2-D tensor of real numbers as a table whose rows are read when they are asked for. @throws FREEBIND_FILE_INVALID */
  table(name: string): Table;
  /** Reads that are under way finish first. Calling it twice is quiet. */
  close(): Promise<void>;
}

/** Opens a safetensors file and checks its header: every byte of the data belongs to exactly one tensor. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await RangedFile.open(path);
  const { entries, metadata } = await readSafetensorsHeader(file).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  const names = [...entries.keys()].sort();
  const entry = (name: string): TensorEntry => {
    const found = entries.get(name);
    if (found !== undefined) return found;
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} has no tensor "${name}"; it has ${names.length === 0 ? 'none' : names.slice(0, 20).join(', ')}${names.length > 20 ? `, … (${names.length})` : ''}.`,
    );
  };
  return {
    path,
    names,
    metadata: Object.fromEntries(metadata),
    info: (name) => {
      const { dtype, shape } = entry(name);
      return { dtype, shape };
    },
    tensor: async (name) => {
      const { dtype, shape, start, end } = entry(name);
      const bytes = await file.read(start, end - start);
      const data = isNumberFormat(dtype) ? decodeReals(dtype, bytes) : decodeWhole(dtype, bytes);
      if (data !== undefined) return { shape, data };
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `Tensor "${name}" of ${path} is of type ${dtype}, which freebind does not read. Store it as F32: x.astype('float32').`,
      );
    },
    table: (name) => {
      const { dtype, shape, start } = entry(name);
      const [rows = 0, cols = 0] = shape;
      if (shape.length === 2 && cols > 0 && isNumberFormat(dtype))
        return tableOfRegion({ file, offset: start, rows, cols, format: dtype, source: path });
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `Tensor "${name}" of ${path} is ${dtype} of shape [${shape.join(', ')}], but a table is 2-D, of F16, BF16, F32 or F64. Store it as x.reshape(len(x), -1).astype('float32').`,
      );
    },
    close: () => file.close(),
  };
}

function isNumberFormat(dtype: string): dtype is NumberFormat {
  return Object.hasOwn(NUMBER_BYTES, dtype);
}

/** Whole numbers and booleans as float64, or undefined for other types. */
function decodeWhole(dtype: string, bytes: ArrayBuffer): Reals | undefined {
  switch (dtype) {
    case 'BOOL':
    case 'U8':
      return Float64Array.from(new Uint8Array(bytes));
    case 'I8':
      return Float64Array.from(new Int8Array(bytes));
    case 'I16':
      return Float64Array.from(new Int16Array(bytes));
    case 'U16':
      return Float64Array.from(new Uint16Array(bytes));
    case 'I32':
      return Float64Array.from(new Int32Array(bytes));
    case 'U32':
      return Float64Array.from(new Uint32Array(bytes));
    case 'I64':
      return Float64Array.from(new BigInt64Array(bytes), Number);
    case 'U64':
      return Float64Array.from(new BigUint64Array(bytes), Number);
    default:
      return undefined;
  }
}
