import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Matrix, matrix, type Tensor } from '@freebind/core';
import { openSafetensors } from '@freebind/core/files';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** One golden file, as its area's manifest describes it. */
export interface GoldenEntry {
  readonly id: string;
  readonly file: string;
  readonly fn: string;
  readonly tol?: number | string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly bytes?: number;
  readonly sha256?: string;
  readonly step?: number;
  readonly tau?: number;
  readonly factor?: number;
}

/**
 * Where the golden data is: FREEBIND_GOLDEN if set, else `../shared/golden` beside the repository, else the small subset in
 * `fixtures/golden`.
 */
export function goldenFolder(): string {
  const named = process.env['FREEBIND_GOLDEN'];
  const full = join(root, '../shared/golden');
  const folder = named || (existsSync(full) ? full : join(root, 'fixtures/golden'));
  if (!existsSync(folder)) throw new Error(`FREEBIND_GOLDEN is ${named}, but there is no such folder.`);
  return folder;
}

/** The path of a file in the golden folder. */
export const goldenPath = (file: string): string => join(goldenFolder(), file);

/** The manifest of an area, or undefined where the folder does not have the area. */
export async function readManifest<T>(area: string): Promise<T | undefined> {
  const path = goldenPath(`${area}/manifest.json`);
  // The manifests are the tests' own data; a wrong one fails the test that reads it.
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as T) : undefined;
}

/** Entries of an area, none where the folder does not have it. */
export const readEntries = async (area: string): Promise<readonly GoldenEntry[]> =>
  (await readManifest<readonly GoldenEntry[]>(area)) ?? [];

/** The JSON file at `file`. */
export const readJson = async <T>(file: string): Promise<T> =>
  JSON.parse(await readFile(goldenPath(file), 'utf8')) as T; // as in `readManifest`

/** Every tensor of a safetensors file, by name. */
export async function readTensors(file: string): Promise<Readonly<Record<string, Tensor>>> {
  const opened = await openSafetensors(goldenPath(file));
  try {
    const tensors = await Promise.all(opened.names.map(async (name) => [name, await opened.tensor(name)] as const));
    return Object.fromEntries(tensors);
  } finally {
    await opened.close();
  }
}

/**
 * A `.npy` file of any number of dimensions as a matrix of its last one; float32 or float64, C order. freebind's own reader
 * takes tables only, and one golden file has three dimensions.
 */
export async function readArray(file: string): Promise<Matrix> {
  const bytes = await readFile(goldenPath(file));
  const start = 10 + bytes.readUInt16LE(8); // version 1: magic and version, the header's length in two bytes
  const header = bytes.subarray(10, start).toString('latin1');
  const shape = /'shape': \(([\d, ]*)\)/
    .exec(header)?.[1]
    ?.split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const kind = /'descr': '<f([48])', 'fortran_order': False/.exec(header)?.[1];
  const cols = shape?.at(-1);
  if (shape === undefined || cols === undefined || kind === undefined) throw new Error(`${file}: ${header}`);
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const data = Uint8Array.prototype.slice.call(bytes, start).buffer;
  return matrix(rows, cols, kind === '4' ? new Float32Array(data) : new Float64Array(data));
}
