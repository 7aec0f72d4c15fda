import { FreebindError, type Reals } from '@freebind/core';
import { decodeReals } from '@freebind/core/files';

/** Element types that are read, by PyTorch's names. */
export type DType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Storage classes of `torch`, by the dtype of what they store: PyTorch `torch/storage.py`, `_dtype_to_storage_type_map`. */
export const STORAGE_DTYPES: Readonly<Record<string, DType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/**
 * The elements in little-endian `bytes` as real numbers, every one exact: float64 for float64, int64 and int32, else float32.
 * float32 and float64 are views of `bytes`; true is 1.
 *
 * @throws FREEBIND_NUMBER_INVALID when an int64 is beyond ±(2⁵³ − 1), where float64 has no longer every whole number
 */
export function decodeElements(dtype: DType, bytes: ArrayBuffer, source: string): Reals {
  switch (dtype) {
    case 'float64':
      return decodeReals('F64', bytes);
    case 'float32':
      return decodeReals('F32', bytes);
    case 'float16':
      return decodeReals('F16', bytes);
    case 'bfloat16':
      return decodeReals('BF16', bytes);
    case 'int64':
      return Float64Array.from(new BigInt64Array(bytes), (whole) => safeNumber(whole, source));
    case 'int32':
      return Float64Array.from(new Int32Array(bytes));
    case 'int16':
      return Float32Array.from(new Int16Array(bytes));
    case 'int8':
      return Float32Array.from(new Int8Array(bytes));
    case 'uint8':
      return Float32Array.from(new Uint8Array(bytes));
    case 'bool':
      return Float32Array.from(new Uint8Array(bytes), (byte) => (byte === 0 ? 0 : 1));
  }
}

function safeNumber(whole: bigint, source: string): number {
  const number = Number(whole);
  if (Number.isSafeInteger(number)) return number;
  throw new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `${source} holds the whole number ${whole}, but only those up to ±(2^53 − 1) can be read exactly. Leave this tensor out.`,
  );
}
