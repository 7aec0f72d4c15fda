import { FreebindError, type Reals, type Tensor } from '@freebind/core';
import { decodeElements, type DType, DTYPE_BYTES } from './dtype.ts';
import { Foreign } from './pickle-value.ts';

/** Elements of one type in a row in a checkpoint; several tensors may look at parts of it. */
export interface Storage {
  readonly dtype: DType;
  /** How many elements it has; they are known to lie within the file. */
  readonly length: number;
  /** The file, for messages. */
  readonly source: string;
  /** Most elements that one tensor of this file may unfold to. */
  readonly largestTensor: number;
  /** `length` bytes from byte `start` of the storage on, which are within it. */
  read(start: number, length: number): Promise<ArrayBuffer>;
}

/** Most elements of a tensor that repeats its storage: as many as the file has bytes, and a few in a small file. */
export function largestTensor(fileSize: number): number {
  return Math.max(fileSize, 2 ** 16);
}

/** A tensor in a checkpoint that is still open: which elements of a storage it shows, and how to read them. */
export class StoredTensor extends Foreign {
  readonly what = 'a tensor';
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #stride: readonly number[];

  /**
   * The view of `storage` that starts at element `offset` and moves by `stride` elements along each dimension.
   *
   * @throws FREEBIND_FILE_INVALID when an element lies outside of the storage, or there are absurdly many of them
   */
  constructor(storage: Storage, offset: number, shape: readonly number[], stride: readonly number[]) {
    super();
    const view = `a tensor of shape [${shape.slice(0, MOST_DIMENSIONS).join(', ')}], stride [${stride.slice(0, MOST_DIMENSIONS).join(', ')}] and offset ${offset}`;
    if (shape.length !== stride.length || shape.length > MOST_DIMENSIONS)
      throw invalid(storage, view, 'is no view at all');
    if (![offset, ...shape, ...stride].every((n) => Number.isSafeInteger(n) && n >= 0)) {
      throw invalid(storage, view, 'is not made of whole numbers of at least 0');
    }
    this.shape = Object.freeze([...shape]);
    this.dtype = storage.dtype;
    this.#storage = storage;
    this.#offset = offset;
    this.#stride = [...stride];
    if (this.#count() === 0) return;
    if (!(offset + this.#span() <= storage.length)) {
      throw invalid(storage, view, `reaches beyond its storage of ${storage.length} elements`);
    }
    if (!(this.#count() <= Math.max(storage.length, storage.largestTensor))) {
      throw invalid(storage, view, `unfolds to far more numbers than the file has bytes`);
    }
  }

  /**
   * The numbers, row-major: float32, or float64 where the elements are float64, int64 or int32. Only the bytes between the
   * first and last element are read from the file.
   *
   * @throws FREEBIND_NUMBER_INVALID when a whole number is too large to be exact
   * @throws FREEBIND_CLOSED after the checkpoint was closed
   */
  async read(): Promise<Tensor> {
    const { shape, dtype } = this;
    const count = this.#count();
    const bytes = DTYPE_BYTES[dtype];
    const length = count === 0 ? 0 : this.#span();
    const stored = decodeElements(
      dtype,
      await this.#storage.read(length === 0 ? 0 : this.#offset * bytes, length * bytes),
      `${this.#storage.source}, a tensor of shape [${shape.join(', ')}],`,
    );
    return { shape, data: this.#isContiguous() ? stored : gather(stored, shape, this.#stride, count) };
  }

  #count(): number {
    return this.shape.reduce((count, size) => count * size, 1);
  }

  /** Elements from the first to the last one, both included. */
  #span(): number {
    return this.shape.reduce((span, size, d) => span + (size - 1) * (this.#stride[d] ?? 0), 1);
  }

  #isContiguous(): boolean {
    let expected = 1;
    for (let d = this.shape.length - 1; d >= 0; d--) {
      const size = this.shape[d] ?? 0;
      if (size === 0) return true;
      if (size !== 1 && this.#stride[d] !== expected) return false;
      expected *= size;
    }
    return true;
  }
}

/** PyTorch's own limit: `c10/core/TensorImpl.h` counts dimensions in a byte, and iterators take 64. */
const MOST_DIMENSIONS = 64;

/** Elements of a strided view, in row-major order. */
function gather(stored: Reals, shape: readonly number[], stride: readonly number[], count: number): Reals {
  const data = stored instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
  const index = shape.map(() => 0);
  for (let i = 0, at = 0; i < count; i++) {
    data[i] = stored[at] ?? 0;
    for (let d = shape.length - 1; d >= 0; d--) {
      const next = (index[d] ?? 0) + 1;
      if (next < (shape[d] ?? 0)) {
        index[d] = next;
        at += stride[d] ?? 0;
        break;
      }
      index[d] = 0;
      at -= (next - 1) * (stride[d] ?? 0);
    }
  }
  return data;
}

function invalid({ source }: Storage, view: string, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${source} has ${view}, which ${what}. The file is damaged or made to mislead; download or save it again.`,
  );
}
