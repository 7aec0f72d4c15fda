import { FreebindError } from '../errors.ts';
import type { Tensor } from '../network.ts';
import { writeFileAtomic } from './atomic.ts';
import { encodeReals, NUMBER_BYTES, type NumberFormat } from './number-format.ts';

/**
 * Writes tensors as a safetensors file, F32 or F64 as their numbers are, or all in `format`: all of it, or nothing. Equal
 * tensors give equal bytes: wide types first and then by name, as the format's own library lays them out, so all are aligned.
 *
 * @throws FREEBIND_SHAPE_MISMATCH when a tensor's numbers do not fill its shape
 * @throws FREEBIND_WRITE_FAILED
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
  { format }: { readonly format?: Exclude<NumberFormat, 'BF16'> } = {},
): Promise<void> {
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    if (name === '__metadata__' || size !== data.length) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        name === '__metadata__'
          ? `A tensor cannot be named "__metadata__" in ${path}; the format keeps that name for itself.`
          : `Tensor "${name}" of shape [${shape.join(', ')}] needs ${size} numbers, but has ${data.length}; ${path} was not written.`,
      );
    }
    const dtype = format ?? (data instanceof Float64Array ? 'F64' : 'F32');
    return { name, shape, data, dtype, bytes: data.length * NUMBER_BYTES[dtype] };
  });
  entries.sort((a, b) => NUMBER_BYTES[b.dtype] - NUMBER_BYTES[a.dtype] || (a.name < b.name ? -1 : 1));

  const head = safetensorsHead(entries, metadata);
  function* chunks(): Generator<Uint8Array> {
    yield head;
    for (const { data, dtype } of entries) yield encodeReals(dtype, data);
  }
  await writeFileAtomic(path, chunks());
}

/** The bytes before the numbers of a safetensors file; `entries` in the order in which their numbers follow. */
export function safetensorsHead(
  entries: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: NumberFormat;
    readonly bytes: number;
  }[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // A map, because an object would move names such as "0" to the front and take "__proto__" for its prototype.
  const header = new Map<string, unknown>();
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length > 0) header.set('__metadata__', Object.fromEntries(sorted));
  let at = 0;
  for (const { name, shape, dtype, bytes } of entries) {
    header.set(name, { dtype, shape, data_offsets: [at, at + bytes] });
    at += bytes;
  }
  const json = `{${[...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const head = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(text, 8);
  return head;
}
