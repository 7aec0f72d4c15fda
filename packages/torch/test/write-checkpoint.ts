/** Writes pickles and zips byte by byte, so that tests can say exactly what a file holds, true or not. */

/** Opcodes by what they do; those with arguments are functions. */
export const op = {
  proto: (protocol = 2): Uint8Array => bytes(0x80, protocol),
  global: (module: string, name: string): Uint8Array => join('c', `${module}\n${name}\n`),
  text: (text: string): Uint8Array => join('X', uint32(Buffer.byteLength(text)), text),
  int: (n: number): Uint8Array => join('J', uint32(n)),
  put: (index: number): Uint8Array => bytes(0x71, index),
  get: (index: number): Uint8Array => bytes(0x68, index),
  mark: bytes(0x28),
  tuple: bytes(0x74),
  emptyTuple: bytes(0x29),
  dict: bytes(0x7d),
  list: bytes(0x5d),
  none: bytes(0x4e),
  no: bytes(0x89),
  reduce: bytes(0x52),
  build: bytes(0x62),
  persistentId: bytes(0x51),
  setItem: bytes(0x73),
  setItems: bytes(0x75),
  append: bytes(0x61),
  stop: bytes(0x2e),
} as const;

/** What a tensor's pickle says; the defaults are a contiguous tensor that fills its storage. */
export interface TensorText {
  readonly shape: readonly number[];
  readonly stride?: readonly number[];
  readonly offset?: number;
  readonly key?: string;
  readonly length?: number;
  readonly storage?: string;
}

/** The opcodes that rebuild one tensor. */
export function tensorOf({
  shape,
  stride,
  offset = 0,
  key = '0',
  length,
  storage = 'FloatStorage',
}: TensorText): Uint8Array {
  const numbers = (all: readonly number[]): Uint8Array => join(op.mark, ...all.map(op.int), op.tuple);
  const count = shape.reduce((a, b) => a * b, 1);
  const steps = stride ?? shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  return join(
    op.global('torch._utils', '_rebuild_tensor_v2'),
    op.mark,
    [op.mark, op.text('storage'), op.global('torch', storage), op.text(key), op.text('cpu'), op.int(length ?? count)],
    [op.tuple, op.persistentId, op.int(offset), numbers(shape), numbers(steps), op.no],
    [op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce, op.tuple, op.reduce],
  );
}

/** The pickle of a dict of what `items` rebuild. */
export function pickleOf(items: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const pairs = Object.entries(items).map(([key, value]) => join(op.text(key), value));
  return join(op.proto(), op.dict, op.mark, ...pairs, op.setItems, op.stop);
}

/** A whole checkpoint of float32 tensors, as `torch.save` writes it. */
export function checkpointOf(
  tensors: Readonly<Record<string, { shape: readonly number[]; data: ArrayLike<number> }>>,
): Uint8Array {
  const entries = Object.entries(tensors);
  const pickle = pickleOf(
    Object.fromEntries(entries.map(([name, { shape }], i) => [name, tensorOf({ shape, key: String(i) })])),
  );
  return zipOf({
    'archive/data.pkl': pickle,
    ...Object.fromEntries(entries.map(([, { data }], i) => [`archive/data/${i}`, floats(data)])),
    'archive/version': join('3\n'),
  });
}

export function floats(numbers: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(numbers).buffer);
}

/** Fields of a zip's entries that a test may falsify. */
export interface ZipLies {
  readonly method?: number;
  readonly flags?: number;
  readonly compressedSize?: number;
  readonly uncompressedSize?: number;
  readonly offset?: number;
  readonly name?: string;
}

/** A zip of stored entries. `zip64` writes sizes and places in eight bytes, as archives of 4 GiB and more do. */
export function zipOf(
  entries: Readonly<Record<string, Uint8Array>>,
  { lies = {}, zip64 = false }: { readonly lies?: Readonly<Record<string, ZipLies>>; readonly zip64?: boolean } = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [key, data] of Object.entries(entries)) {
    const lie = lies[key] ?? {};
    const name = new TextEncoder().encode(lie.name ?? key);
    const size = lie.uncompressedSize ?? data.length;
    const stored = lie.compressedSize ?? size;
    const fields = join(uint16(lie.flags ?? 0), uint16(lie.method ?? 0), uint32(0), uint32(0));
    const sizes = zip64 ? bytes(...Array<number>(8).fill(0xff)) : join(uint32(stored), uint32(size));
    const extra = zip64 ? join(uint16(1), uint16(24), uint64(size), uint64(stored), uint64(lie.offset ?? at)) : bytes();
    const local = join('PK\x03\x04', uint16(45), fields, sizes, uint16(name.length), uint16(0), name, data);
    directory.push(
      join('PK\x01\x02', uint16(45), uint16(45), fields, sizes, uint16(name.length), uint16(extra.length)),
      join(
        uint16(0),
        uint16(0),
        uint16(0),
        uint32(0),
        zip64 ? uint32(0xffffffff) : uint32(lie.offset ?? at),
        name,
        extra,
      ),
    );
    parts.push(local);
    at += local.length;
  }
  const listed = join(...directory);
  const count = Object.keys(entries).length;
  const end64 = zip64
    ? join(
        join('PK\x06\x06', uint64(44), uint16(45), uint16(45), uint32(0), uint32(0), uint64(count), uint64(count)),
        join(uint64(listed.length), uint64(at), 'PK\x06\x07', uint32(0), uint64(at + listed.length), uint32(1)),
      )
    : bytes();
  const end = join('PK\x05\x06', uint16(0), uint16(0), uint16(count), uint16(count), uint32(listed.length));
  return join(...parts, listed, end64, end, uint32(zip64 ? 0xffffffff : at), uint16(0));
}

/** Bytes, or text in UTF-8. */
type Part = Uint8Array | string;

/** Bytes and texts one after another. */
export function join(...parts: readonly (Part | readonly Part[])[]): Uint8Array {
  return Buffer.concat(parts.flat().map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part)));
}

export function bytes(...all: readonly number[]): Uint8Array {
  return Uint8Array.from(all);
}

function uint16(n: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(n).buffer);
}

export function uint32(n: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(n).buffer);
}

export function uint64(n: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(n)).buffer);
}
