import { readFile } from 'node:fs/promises';

/**
 * The one batch size at which an exported HTSAT (CLAP's audio encoder) or Swin transformer is right, or undefined where it is right
 * at all. Their official code puts windows back together with a batch size that Python's `int()` computes (`window_reverse` in
 * LAION-AI/CLAP `clap_module/htsat.py`), so tracing writes the size of the example into the graph, as shapes
 * [size, rows, columns, window, window, −1]. Such a graph takes other sizes without complaint, and its rows are then wrong: of the
 * golden graphs, which were traced with two sounds, one sound alone has a cosine of 0.97 with its own row.
 */
export async function tracedBatch(path: string): Promise<number | undefined> {
  const model = await readFile(path);
  const sizes = new Set<number>();
  for (const shape of shapesIn(model)) {
    const [size = 0, rows = 0, columns = 0, window = 0, again, rest] = shape;
    if (shape.length === 6 && size > 0 && rows > 0 && columns > 0 && window > 0 && again === window && rest === -1)
      sizes.add(size);
  }
  return sizes.size === 1 ? [...sizes][0] : undefined;
}

/** Field numbers of onnx.proto on the way to a constant, and of `TensorProto`. */
const [GRAPH, NODE, INITIALIZER, ATTRIBUTE, TENSOR] = [7, 1, 5, 5, 5];
const [DIMS, DATA_TYPE, RAW_DATA] = [1, 2, 9];
const INT64 = 7;

/** The lists of whole numbers among a graph's constants and initialisers. */
function* shapesIn(model: Buffer): Generator<readonly number[]> {
  for (const graph of partsOf(model, GRAPH)) {
    for (const tensor of partsOf(graph, INITIALIZER)) yield* wholeNumbers(tensor);
    for (const node of partsOf(graph, NODE))
      for (const attribute of partsOf(node, ATTRIBUTE))
        for (const tensor of partsOf(attribute, TENSOR)) yield* wholeNumbers(tensor);
  }
}

/** The numbers of a tensor that is a short list of int64. */
function* wholeNumbers(tensor: Buffer): Generator<readonly number[]> {
  let [type, dims]: [number | undefined, number] = [undefined, 0];
  let raw: Buffer | undefined;
  for (const { number, value, part } of fieldsOf(tensor)) {
    if (number === DATA_TYPE) type = value;
    else if (number === RAW_DATA) raw = part;
    else if (number === DIMS) dims++;
  }
  if (type !== INT64 || raw === undefined || dims !== 1 || raw.length > 64 || raw.length % 8 !== 0) return;
  const numbers = raw;
  yield Array.from({ length: numbers.length / 8 }, (_, i) => Number(numbers.readBigInt64LE(8 * i)));
}

function* partsOf(message: Buffer, wanted: number): Generator<Buffer> {
  for (const { number, part } of fieldsOf(message)) if (number === wanted && part !== undefined) yield part;
}

interface Field {
  readonly number: number;
  readonly value?: number;
  readonly part?: Buffer;
}

/** The fields of a protobuf message. Ends at what is none: onnxruntime says what is wrong with a file. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (let i = 0; i < 10 && at < message.length; i++) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (wire === 0) yield { number, value: varint() };
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (!(at + length <= message.length)) return;
      yield { number, part: message.subarray(at, at + length) };
      at += length;
    } else return;
  }
}
