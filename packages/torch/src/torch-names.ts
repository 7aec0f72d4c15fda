import { FreebindError } from '@freebind/core';
import { type DType, DTYPE_BYTES, STORAGE_DTYPES } from './dtype.ts';
import { Foreign, Global, type PickleHost, type PickleValue, unsafe } from './pickle-value.ts';
import { type Storage, StoredTensor } from './stored-tensor.ts';

/** Finds a storage of the file by its key. @throws FREEBIND_FILE_INVALID when it is not there, or shorter than `length` elements */
export type FindStorage = (key: string, dtype: DType, length: number) => Storage;

class StorageType extends Global {
  readonly dtype: DType;

  constructor(name: string, dtype: DType) {
    super(name);
    this.dtype = dtype;
  }
}

class FoundStorage extends Foreign {
  readonly what = 'a storage';
  readonly storage: Storage;

  constructor(storage: Storage) {
    super();
    this.storage = storage;
  }
}

/**
 * Gives the names in PyTorch's pickles their meaning: PyTorch `torch/_utils.py` (`_rebuild_*`) and `torch/serialization.py`
 * (`persistent_load`). The list is closed; whatever is not on it is refused.
 */
export function torchNames(source: string, findStorage: FindStorage): PickleHost {
  const invalid = (what: string): never => {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${source} ${what}. It is damaged, or no checkpoint that \`torch.save\` wrote; download or save it again.`,
    );
  };
  const tensor = (args: readonly PickleValue[]): StoredTensor => {
    const [found, offset, shape, stride, , , metadata] = args;
    if (!(found instanceof FoundStorage) || typeof offset !== 'number')
      return invalid('has a tensor without a storage');
    if (!isNumbers(shape) || !isNumbers(stride)) return invalid('has a tensor without a shape and a stride');
    if (metadata instanceof Map && metadata.size > 0)
      return invalid('has a conjugated or negated view, which is not read');
    return new StoredTensor(found.storage, offset, shape, stride);
  };
  const parameter = ([data]: readonly PickleValue[]): StoredTensor =>
    data instanceof StoredTensor ? data : invalid('has a parameter without a tensor');
  const orderedDict = ([pairs = []]: readonly PickleValue[]): Map<PickleValue, PickleValue> =>
    Array.isArray(pairs) && pairs.every(isPair)
      ? new Map(pairs)
      : invalid('has an ordered dict that is not made of pairs');
  const size = ([shape]: readonly PickleValue[]): PickleValue[] =>
    isNumbers(shape) ? [...shape] : invalid('has a size that is not made of numbers');

  const names = new Map<string, Global>(
    [
      new Global('collections.OrderedDict', orderedDict),
      new Global('torch._utils._rebuild_tensor', tensor),
      new Global('torch._utils._rebuild_tensor_v2', tensor),
      new Global('torch._utils._rebuild_parameter', parameter),
      new Global('torch._utils._rebuild_parameter_with_state', parameter),
      new Global('torch.Size', size),
      // Element types may stand beside the tensors, as an option that was saved with them.
      ...Object.keys(DTYPE_BYTES).map((dtype) => new Global(`torch.${dtype}`)),
      ...Object.entries(STORAGE_DTYPES).map(([name, dtype]) => new StorageType(`torch.${name}`, dtype)),
    ].map((global) => [global.what, global]),
  );

  return {
    source,
    global: (name) => {
      const known = names.get(name);
      if (known === undefined) throw unsafe(source, `asks for ${shorten(name)}`);
      return known;
    },
    persistent: (id) => {
      if (!Array.isArray(id)) return invalid('has a storage without an address');
      const [kind, type, key, , length, view] = id;
      if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string') {
        return invalid('has a storage of a kind that is not known');
      }
      if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
        return invalid('has a storage without a length');
      }
      // PyTorch before 0.4 wrote parts of a storage as storages of their own.
      if (view !== null && view !== undefined)
        return invalid('has a view of a storage, as only PyTorch before 0.4 wrote');
      return new FoundStorage(findStorage(key, type.dtype, length));
    },
  };
}

/** The array is not copied: it may be long, and is only kept after its length was checked. */
function isNumbers(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

function isPair(value: PickleValue): value is [PickleValue, PickleValue] {
  return Array.isArray(value) && value.length === 2;
}

function shorten(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
