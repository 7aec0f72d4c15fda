import { FreebindError } from '@freebind/core';
import type { RangedFile } from '@freebind/core/files';
import { DTYPE_BYTES } from './dtype.ts';
import { LONGEST_PICKLE, runPickle } from './pickle.ts';
import type { PickleHost, PickleValue } from './pickle-value.ts';
import { largestTensor, type Storage } from './stored-tensor.ts';
import { type FindStorage, torchNames } from './torch-names.ts';

/** The first pickle of the format, PyTorch `torch/serialization.py`, `MAGIC_NUMBER`, and the second, `PROTOCOL_VERSION`. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
/** How much of a file is read at first in the hope that all pickles are in it. */
const FIRST_READ = 2 ** 20;

/**
 * Reads what `torch.save` wrote before PyTorch 1.6: pickles of a magic number, a version, the machine's properties, the
 * object and the keys of its storages, then each storage as a count of elements and the elements.
 *
 * @throws FREEBIND_FILE_UNSAFE FREEBIND_FILE_INVALID
 */
export async function readLegacy(file: RangedFile): Promise<{ readonly value: PickleValue; readonly budget: number }> {
  const wanted = new Map<string, WantedStorage>();
  const host = torchNames(file.path, findIn(file, wanted));
  const { value, keys, end } = await readPickles(file, host);
  await placeStorages(file, wanted, keys, end);
  return { value, budget: end };
}

/** A storage that the object needs; where it lies is known after the object was read. */
interface WantedStorage {
  readonly bytes: number;
  length: number;
  position: number;
}

function findIn(file: RangedFile, wanted: Map<string, WantedStorage>): FindStorage {
  return (key, dtype, length): Storage => {
    const bytes = DTYPE_BYTES[dtype];
    if (length * bytes > file.size) {
      throw invalid(file, `has a storage "${key}" of ${length} elements, more than the file has bytes for`);
    }
    const place = wanted.get(key) ?? { bytes, length, position: 0 };
    if (place.bytes !== bytes || place.length !== length)
      throw invalid(file, `describes its storage "${key}" in two ways`);
    wanted.set(key, place);
    return {
      dtype,
      length,
      source: file.path,
      largestTensor: largestTensor(file.size),
      read: (start, size) => file.read(place.position + start, size),
    };
  };
}

interface Pickles {
  readonly value: PickleValue;
  readonly keys: readonly PickleValue[];
  readonly end: number;
}

/** The pickles at the start of the file. How long they are is not written anywhere, so more is read until they are whole. */
async function readPickles(file: RangedFile, host: PickleHost): Promise<Pickles> {
  const most = Math.min(file.size, LONGEST_PICKLE);
  for (let length = Math.min(FIRST_READ, most); ; length = Math.min(4 * length, most)) {
    const pickles = runPickles(file, new Uint8Array(await file.read(0, length)), host);
    if (pickles !== undefined) return pickles;
    if (length === most) throw invalid(file, `ends in the middle of its pickles, after ${length} bytes`);
  }
}

function runPickles(file: RangedFile, bytes: Uint8Array, host: PickleHost): Pickles | undefined {
  const magic = runPickle(bytes, 0, host);
  if (magic === undefined) return undefined;
  if (magic.value !== MAGIC_NUMBER)
    throw invalid(file, 'is a pickle, but does not begin with the number that marks a checkpoint');
  const version = runPickle(bytes, magic.end, host);
  if (version === undefined) return undefined;
  if (version.value !== PROTOCOL_VERSION) {
    throw invalid(file, `has version ${shown(version.value)} of the old format, expected ${PROTOCOL_VERSION}`);
  }
  const machine = runPickle(bytes, version.end, host);
  if (machine === undefined) return undefined;
  if (!(machine.value instanceof Map) || machine.value.get('little_endian') !== true) {
    throw invalid(file, 'was written on a big-endian machine, or does not say on which');
  }
  const object = runPickle(bytes, machine.end, host);
  if (object === undefined) return undefined;
  const keys = runPickle(bytes, object.end, host);
  if (keys === undefined) return undefined;
  if (!Array.isArray(keys.value)) throw invalid(file, 'does not list its storages');
  return { value: object.value, keys: keys.value, end: keys.end };
}

/** Finds each storage after the pickles, and checks that all that are wanted are there. */
async function placeStorages(
  file: RangedFile,
  wanted: ReadonlyMap<string, WantedStorage>,
  keys: readonly PickleValue[],
  start: number,
): Promise<void> {
  const missing = new Set(wanted.keys());
  let at = start;
  for (const key of keys) {
    const place = typeof key === 'string' && missing.delete(key) ? wanted.get(key) : undefined;
    if (place === undefined)
      throw invalid(file, `lists a storage ${shown(key)} that no tensor uses, or lists it twice`);
    if (at + 8 > file.size) throw invalid(file, `ends before its storage ${shown(key)}`);
    const length = Number(new DataView(await file.read(at, 8)).getBigInt64(0, true));
    at += 8;
    if (length !== place.length) {
      throw invalid(
        file,
        `has ${length} elements in its storage ${shown(key)}, but its tensors expect ${place.length}`,
      );
    }
    if (at + length * place.bytes > file.size) throw invalid(file, `ends within its storage ${shown(key)}`);
    place.position = at;
    at += length * place.bytes;
  }
  if (missing.size > 0)
    throw invalid(file, `does not have the storages ${[...missing].slice(0, 3).map(shown).join(', ')}`);
}

function shown(value: PickleValue): string {
  return typeof value === 'string'
    ? `"${value.slice(0, 50)}"`
    : typeof value === 'number'
      ? String(value)
      : typeof value;
}

function invalid(file: RangedFile, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${file.path} ${what}. It is damaged, or no checkpoint that \`torch.save\` wrote; download or save it again.`,
  );
}
