import { FreebindError } from '@freebind/core';
import { RangedFile } from '@freebind/core/files';
import { DTYPE_BYTES } from './dtype.ts';
import { flattenTensors } from './flatten-tensors.ts';
import { readLegacy } from './legacy.ts';
import { LONGEST_PICKLE, runPickle } from './pickle.ts';
import type { PickleValue } from './pickle-value.ts';
import { largestTensor, type Storage, type StoredTensor } from './stored-tensor.ts';
import { type FindStorage, torchNames } from './torch-names.ts';
import { ZipArchive } from './zip.ts';

/** What a checkpoint holds: plain data with tensors in it. Lists and tuples are arrays, dicts are maps. */
export type CheckpointValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CheckpointValue[]
  | ReadonlyMap<CheckpointValue, CheckpointValue>
  | StoredTensor
  /** The name of an element type or class that was saved as a value. */
  | { readonly what: string };

/** A PyTorch checkpoint that is open for reading. Tensors are read when they are asked for, until it is closed. */
export interface Checkpoint {
  readonly path: string;
  /** `zip` since PyTorch 1.6, `legacy` before. */
  readonly format: 'zip' | 'legacy';
  readonly value: CheckpointValue;
  /** Every tensor by its dotted path from the top: `model.w`, `optimizer.state.0.exp_avg`; list items by number. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The tensors of the model, by the names of its state dict: those below `state_dict` or `model` if the checkpoint has one, else all. */
  readonly stateDict: ReadonlyMap<string, StoredTensor>;
  /** Calling it twice is quiet. */
  close(): Promise<void>;
}

/**
 * Opens what `torch.save` wrote, in either of its formats, without running anything in it.
 *
 * @throws FREEBIND_FILE_MISSING
 * @throws FREEBIND_FILE_UNSAFE when it asks for anything but tensors and plain data
 * @throws FREEBIND_FILE_INVALID when it is damaged, or a tensor reaches beyond its storage
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await RangedFile.open(path);
  try {
    const format = await formatOf(file);
    const { value, budget } = format === 'zip' ? await readZip(file) : await readLegacy(file);
    const tensors = flattenTensors(value, budget, path);
    return { path, format, value, tensors, stateDict: stateDictOf(value, tensors), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function formatOf(file: RangedFile): Promise<'zip' | 'legacy'> {
  const start = new Uint8Array(await file.read(0, Math.min(file.size, 4)));
  if (start.join() === '80,75,3,4') return 'zip'; // PK\3\4
  if (start[0] === 0x80) return 'legacy'; // a pickle says its protocol first
  throw invalid(file, file.size === 0 ? 'is empty' : 'is neither a zip file nor a pickle');
}

/** A zip of a pickle, `NAME/data.pkl`, and one stored entry a storage, `NAME/data/KEY`: PyTorch `torch/serialization.py`, `_save`. */
async function readZip(file: RangedFile): Promise<{ readonly value: PickleValue; readonly budget: number }> {
  const zip = await ZipArchive.open(file);
  const pickles = zip.names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw invalid(file, `is a zip file with ${pickles.length} entries "…/data.pkl", but a checkpoint has one`);
  }
  const folder = pickle.slice(0, -'data.pkl'.length);
  await checkByteOrder(zip, `${folder}byteorder`, file);
  const size = zip.size(pickle) ?? 0;
  if (size > LONGEST_PICKLE)
    throw invalid(file, `has a pickle of ${size} bytes; ${LONGEST_PICKLE} are far more than tensors need`);
  const host = torchNames(file.path, storagesOf(zip, `${folder}data/`, file));
  const result = runPickle(new Uint8Array(await zip.read(pickle)), 0, host);
  if (result === undefined) throw invalid(file, 'has a pickle that ends too early');
  return { value: result.value, budget: size };
}

async function checkByteOrder(zip: ZipArchive, entry: string, file: RangedFile): Promise<void> {
  const size = zip.size(entry);
  if (size === undefined) return; // before PyTorch 2.1, always the writer's own, in practice little
  const order = size > 6 ? 'unknown' : Buffer.from(await zip.read(entry)).toString('latin1');
  if (order !== 'little')
    throw invalid(file, `has numbers in ${JSON.stringify(order)} byte order; only "little" is read`);
}

function storagesOf(zip: ZipArchive, folder: string, file: RangedFile): FindStorage {
  return (key, dtype, length): Storage => {
    const name = `${folder}${key}`;
    const size = zip.size(name);
    const bytes = length * DTYPE_BYTES[dtype];
    if (size === undefined)
      throw invalid(file, `has a tensor in a storage "${key.slice(0, 50)}", which is not in the file`);
    if (size < bytes)
      throw invalid(file, `has a storage "${key}" of ${size} bytes, too short for ${length} elements of ${dtype}`);
    return {
      dtype,
      length,
      source: file.path,
      largestTensor: largestTensor(file.size),
      read: (start, count) => zip.read(name, start, count),
    };
  };
}

/** Keys under which trainers keep the state dict, the most specific first. */
const STATE_DICTS = ['state_dict', 'model_state_dict', 'model'];

function stateDictOf(
  value: PickleValue,
  tensors: ReadonlyMap<string, StoredTensor>,
): ReadonlyMap<string, StoredTensor> {
  const key = value instanceof Map ? STATE_DICTS.find((key) => value.get(key) instanceof Map) : undefined;
  if (key === undefined) return tensors;
  const below = [...tensors].filter(([name]) => name.startsWith(`${key}.`));
  return new Map(below.map(([name, tensor]) => [name.slice(key.length + 1), tensor]));
}

function invalid(file: RangedFile, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${file.path} ${what}. Expected a checkpoint that \`torch.save\` wrote; download or save it again.`,
  );
}
