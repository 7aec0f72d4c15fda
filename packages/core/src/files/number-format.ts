import { memoryFor, type Reals } from '../matrix.ts';
import { decodeBF16, decodeF16, encodeF16 } from './half.ts';

/** How a file stores real numbers, by safetensors' names; little-endian, as every machine is that freebind's runtimes run on. */
export type NumberFormat = 'F16' | 'BF16' | 'F32' | 'F64';

/** Bytes of one number. */
export const NUMBER_BYTES: Readonly<Record<NumberFormat, number>> = { F16: 2, BF16: 2, F32: 4, F64: 8 };

/** The numbers in `bytes`: float64 for F64, else float32, all exact. F32 and F64 are views of `bytes`. */
export function decodeReals(format: NumberFormat, bytes: ArrayBuffer): Reals {
  switch (format) {
    case 'F16':
      return decodeF16(new Uint16Array(bytes));
    case 'BF16':
      return decodeBF16(new Uint16Array(bytes));
    case 'F32':
      return new Float32Array(bytes);
    case 'F64':
      return new Float64Array(bytes);
  }
}

/** Numbers of a format that are decoded piece by piece. */
export interface Decoding {
  /** As `decodeReals` gives them. */
  readonly data: Reals;
  /** Puts the numbers in `bytes` at `at` of `data`. */
  readonly decode: (bytes: Uint8Array, at: number) => void;
}

/** Memory for `count` numbers of a format, to be decoded into: `into` if it has their length and precision, else new. */
export function startDecoding(format: NumberFormat, count: number, into?: Reals): Decoding {
  if (format === 'F64') {
    const data = memoryFor(count, true, into);
    return { data, decode: (bytes, at) => data.set(viewOf(Float64Array, bytes), at) };
  }
  const data = memoryFor(count, false, into);
  if (format === 'F32') return { data, decode: (bytes, at) => data.set(viewOf(Float32Array, bytes), at) };
  const widen = format === 'F16' ? decodeF16 : decodeBF16;
  return { data, decode: (bytes, at) => void widen(viewOf(Uint16Array, bytes), data.subarray(at)) };
}

/** `bytes` as numbers; they begin where such a number may. */
function viewOf<View>(
  Numbers: { new (buffer: ArrayBufferLike, at: number, count: number): View; readonly BYTES_PER_ELEMENT: number },
  { buffer, byteOffset, length }: Uint8Array,
): View {
  return new Numbers(buffer, byteOffset, length / Numbers.BYTES_PER_ELEMENT);
}

/** The bytes of `numbers`, rounded to nearest where `format` is narrower; a view of `numbers` where it is their own. */
export function encodeReals(format: Exclude<NumberFormat, 'BF16'>, numbers: Reals): Uint8Array {
  const stored =
    format === 'F16'
      ? encodeF16(numbers)
      : format === 'F32'
        ? numbers instanceof Float32Array
          ? numbers
          : Float32Array.from(numbers)
        : numbers instanceof Float64Array
          ? numbers
          : Float64Array.from(numbers);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}
