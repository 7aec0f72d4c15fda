import { readFile } from 'node:fs/promises';
import { goldenPath } from './folder.ts';

/** An array of a golden `.npy` file, of any shape and any of the types that the encoders' golden data has. */
export interface GoldenArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int16Array | Uint8Array | BigInt64Array;
}

const TYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i2': Int16Array,
  '|u1': Uint8Array,
  '|b1': Uint8Array,
  '<i8': BigInt64Array,
} as const;

/** Reads a C-order `.npy` file of version 1; freebind's own reader takes tables only. */
export async function readGolden(file: string): Promise<GoldenArray> {
  const bytes = await readFile(goldenPath(file));
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString('latin1');
  const descr = /'descr': '([^']+)', 'fortran_order': False/.exec(header)?.[1];
  const shape = /'shape': \(([\d, ]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined || !Object.hasOwn(TYPES, descr)) throw new Error(`${file}: ${header}`);
  // Just checked to be one of its keys.
  const Type = TYPES[descr as keyof typeof TYPES];
  const data = new Type(Uint8Array.prototype.slice.call(bytes, start).buffer);
  return {
    shape: shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number),
    data,
  };
}

/** The same as numbers of float32, whatever the file has. */
export async function readFloats(file: string): Promise<Float32Array> {
  const { data } = await readGolden(file);
  if (data instanceof BigInt64Array) throw new Error(`${file} has whole numbers of 64 bits.`);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}
