import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';

const { ModelProto, TensorProto } = onnxProto.onnx;
const { FLOAT, INT64 } = TensorProto.DataType;

/** What a tiny graph is like. */
export interface TinyGraph {
  /** Name of its input. Default `x`. */
  readonly input?: string;
  /** Columns of its input. Default 4. */
  readonly columns?: number;
  /** Columns of its output. Default 3. */
  readonly dimension?: number;
  /** Its weight from column i of its input to column j of its output. Default (i + 1) · (j + 1). */
  readonly weight?: (i: number, j: number) => number;
  /** What its weights are multiplied by, so that two graphs can be told apart. Default 1. */
  readonly times?: number;
  /** Name of a file beside it that its weights lie in. */
  readonly external?: string;
  /** Whether its weights are one number and its place, which onnxruntime writes out when it loads them: zeros but for the first. */
  readonly sparse?: boolean;
  /** Numbers of a tensor that a run makes and adds the sum of: more than there is memory for, say. */
  readonly scratch?: number;
}

/** The contract of a tiny graph with nothing changed. */
export const TINY = {
  inputs: { x: { type: 'float32', dims: ['rows', 4] } },
  output: 'out',
  dimension: 3,
} as const;

/** A list of one whole number. */
const whole = (name: string, value: number) => ({
  name,
  dims: [1],
  dataType: INT64,
  rawData: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
});

/** Writes `out = x · w` as a graph, w[i][j] = times · weight(i, j); its file's path. */
export function writeTinyGraph(folder: string, name: string, tiny: TinyGraph = {}): string {
  const { input = 'x', columns = 4, dimension = 3, times = 1, external, sparse = false, scratch } = tiny;
  const { weight = (i, j) => (i + 1) * (j + 1) } = tiny;
  const dims = [columns, dimension];
  const numbers = Float32Array.from(
    { length: sparse ? 1 : columns * dimension },
    (_, i) => times * weight(Math.floor(i / dimension), i % dimension),
  );
  const bytes = new Uint8Array(numbers.buffer);
  if (external !== undefined) writeFileSync(join(folder, external), bytes);
  const elsewhere = {
    dataLocation: TensorProto.DataLocation.EXTERNAL,
    externalData: [{ key: 'location', value: external ?? null }],
  };
  const weights = { name: 'w', dataType: FLOAT, ...(external === undefined ? { rawData: bytes } : elsewhere) };
  const port = (name: string, cols: number) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: 'rows' }, { dimValue: cols }] } } },
  });
  const node = [
    { opType: 'MatMul', input: [input, 'w'], output: [scratch === undefined ? 'out' : 'product'] },
    { opType: 'ConstantOfShape', input: ['size'], output: ['zeros'] },
    { opType: 'ReduceSum', input: ['zeros'], output: ['sum'] },
    { opType: 'Add', input: ['product', 'sum'], output: ['out'] },
  ];
  const model = ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'tiny',
      input: [port(input, columns)],
      output: [port('out', dimension)],
      initializer: [
        ...(sparse ? [] : [{ ...weights, dims }]),
        ...(scratch === undefined ? [] : [whole('size', scratch)]),
      ],
      sparseInitializer: sparse ? [{ dims, values: { ...weights, dims: [1] }, indices: whole('', 0) }] : [],
      node: scratch === undefined ? node.slice(0, 1) : node,
    },
  }).finish();
  const path = join(folder, name);
  writeFileSync(path, model);
  return path;
}
