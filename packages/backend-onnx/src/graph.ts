import { FreebindError } from '@freebind/core';
import onnxProto from 'onnx-proto';

/** A number, or the name of a size that a run decides. */
export type Size = number | string;
/** Result of a node, an input or a constant. Two-dimensional unless said otherwise. */
export interface Value {
  readonly name: string;
  readonly shape: readonly Size[];
}
export type Numbers = Float32Array | Int32Array | BigInt64Array;
export type Attribute = number | string | readonly number[] | { readonly float: number };

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;
const { DataType } = TensorProto;
const { AttributeType } = AttributeProto;

/** Element types of graph inputs and constants. */
export type ElementType = 'float32' | 'float16' | 'int32' | 'int64';
const elementTypes = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
} as const;

// 20 brings Gelu; everything else is in 18, which brings BitwiseXor. IR 8 carries any opset.
const OPSET = 20;
const IR_VERSION = 8;

/**
 * An ONNX graph under construction. Methods append one node and return its value; shapes are inferred as far as freebind
 * needs them. Names of graph inputs and outputs are the caller's, all others are numbered.
 */
export class Graph {
  readonly #nodes: onnxProto.onnx.INodeProto[] = [];
  readonly #constants: onnxProto.onnx.ITensorProto[] = [];
  readonly #scalars = new Map<number, Value>();
  readonly #inputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #outputs = new Map<string, string>();

  input(name: string, shape: readonly Size[], type: ElementType = 'float32'): Value {
    const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
    this.#inputs.push({ name, type: { tensorType: { elemType: elementTypes[type], shape: { dim } } } });
    return { name, shape };
  }

  constant(shape: readonly number[], data: Numbers): Value {
    const name = `c${this.#constants.length}`;
    const type = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#constants.push({ name, dims: [...shape], dataType: elementTypes[type], rawData });
    return { name, shape };
  }

  /** A float32 of shape []. */
  scalar(x: number): Value {
    const known = this.#scalars.get(x) ?? this.constant([], new Float32Array([x]));
    this.#scalars.set(x, known);
    return known;
  }

  /** Gives `value` out of the graph under `name`. */
  output(name: string, value: Value): void {
    const computed = this.#nodes.some(({ output }) => output?.[0] === value.name) && !this.#outputs.has(value.name);
    this.#outputs.set((computed ? value : this.apply('Identity', [value], value.shape)).name, name);
  }

  /** An output that is no tensor, for graphs that replace a state; it must be the first. `session-worker.js` says why. */
  outputUnreadable(): void {
    this.output('unreadable', this.apply('SequenceConstruct', [this.scalar(0)], []));
  }

  apply(
    op: string,
    inputs: readonly Value[],
    shape: readonly Size[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    const name = `v${this.#nodes.length}`;
    const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
    this.#nodes.push({ opType: op, name, input: inputs.map((x) => x.name), output: [name], attribute });
    return { name, shape };
  }

  add = (a: Value, b: Value): Value => this.apply('Add', [a, b], broadcast(a, b));
  sub = (a: Value, b: Value): Value => this.apply('Sub', [a, b], broadcast(a, b));
  mul = (a: Value, b: Value): Value => this.apply('Mul', [a, b], broadcast(a, b));
  div = (a: Value, b: Value): Value => this.apply('Div', [a, b], broadcast(a, b));
  xor = (a: Value, b: Value): Value => this.apply('BitwiseXor', [a, b], broadcast(a, b));
  max = (a: Value, b: Value): Value => this.apply('Max', [a, b], broadcast(a, b));
  exp = (x: Value): Value => this.apply('Exp', [x], x.shape);
  log = (x: Value): Value => this.apply('Log', [x], x.shape);
  sqrt = (x: Value): Value => this.apply('Sqrt', [x], x.shape);
  erf = (x: Value): Value => this.apply('Erf', [x], x.shape);
  relu = (x: Value): Value => this.apply('Relu', [x], x.shape);
  gelu = (x: Value): Value => this.apply('Gelu', [x], x.shape);
  reciprocal = (x: Value): Value => this.apply('Reciprocal', [x], x.shape);
  transpose = (x: Value): Value => this.apply('Transpose', [x], [...x.shape].reverse(), { perm: [1, 0] });

  /** 1 where a > b or a >= b, else 0, as float32. */
  indicate(op: 'Greater' | 'GreaterOrEqual', a: Value, b: Value): Value {
    const truth = this.apply(op, [a, b], broadcast(a, b));
    return this.apply('Cast', [truth], truth.shape, { to: DataType.FLOAT });
  }

  /** alpha · a · b + beta · c, with `a` or `b` transposed on request; `c` is broadcast. */
  gemm(
    a: Value,
    b: Value,
    options: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number; c?: Value | undefined } = {},
  ): Value {
    const { transA = false, transB = false, alpha = 1, beta = 1, c } = options;
    const rows = a.shape[transA ? 1 : 0] ?? 0;
    const cols = b.shape[transB ? 0 : 1] ?? 0;
    return this.apply('Gemm', c === undefined ? [a, b] : [a, b, c], [rows, cols], {
      transA: Number(transA),
      transB: Number(transB),
      alpha: { float: alpha },
      beta: { float: beta },
    });
  }

  /** Reduces one axis of two, which stays with size 1. */
  reduce(op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax', x: Value, axis: 0 | 1): Value {
    const axes = this.constant([1], BigInt64Array.of(BigInt(axis)));
    return this.apply(
      op,
      [x, axes],
      x.shape.map((size, i) => (i === axis ? 1 : size)),
      { keepdims: 1 },
    );
  }

  /** The sum of all elements, of shape []. */
  total = (x: Value): Value => this.apply('ReduceSum', [x], [], { keepdims: 0 });

  toFloat32 = (x: Value): Value => this.apply('Cast', [x], x.shape, { to: DataType.FLOAT });

  reshape(x: Value, shape: readonly number[]): Value {
    if (x.shape.join() === shape.join()) return x;
    return this.apply('Reshape', [x, this.constant([shape.length], BigInt64Array.from(shape, BigInt))], shape);
  }

  /** Tables one below the other. */
  stack(parts: readonly Value[]): Value {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return first;
    const rows = parts.reduce((sum, part) => sum + Number(part.shape[0]), 0);
    return this.apply('Concat', parts, [rows, first?.shape[1] ?? 0], { axis: 0 });
  }

  /** Rows `start` to `end` (exclusive). */
  rows(x: Value, start: number, end: number): Value {
    if (start === 0 && end === x.shape[0]) return x;
    const index = (i: number): Value => this.constant([1], BigInt64Array.of(BigInt(i)));
    return this.apply('Slice', [x, index(start), index(end), index(0)], [end - start, x.shape[1] ?? 0]);
  }

  /** The model as protobuf bytes, without nodes that no output needs. */
  encode(): Uint8Array {
    const needed = new Set(this.#outputs.keys());
    const kept = this.#nodes.toReversed().filter(({ input = [], output = [] }) => {
      const wanted = (output ?? []).some((name) => needed.has(name));
      if (wanted) input?.forEach((name) => needed.add(name));
      return wanted;
    });
    // An output keeps its node: the value is renamed instead of copied by an Identity.
    const rename = (name: string): string => this.#outputs.get(name) ?? name;
    const node = kept
      .toReversed()
      .map((n) => Object.assign(n, { input: n.input?.map(rename), output: n.output?.map(rename) }));
    const bytes = ModelProto.encode({
      irVersion: IR_VERSION,
      opsetImport: [{ domain: '', version: OPSET }],
      graph: {
        name: 'freebind',
        node,
        initializer: this.#constants.filter(({ name }) => needed.has(name ?? '')),
        input: this.#inputs,
        output: [...this.#outputs.values()].map((name) => ({ name })),
      },
    }).finish();
    // A copy, because small messages come out of node's pool of buffers, which cannot be handed to another thread.
    return new Uint8Array(bytes);
  }
}

function encodeAttribute(name: string, value: Attribute): onnxProto.onnx.IAttributeProto {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}

/** Shape of an elementwise operation: sizes of 1 stretch. */
function broadcast(a: Value, b: Value): readonly Size[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a.shape[a.shape.length - rank + i] ?? 1;
    const y = b.shape[b.shape.length - rank + i] ?? 1;
    if (x !== 1 && y !== 1 && x !== y)
      throw new FreebindError(
        'FREEBIND_BACKEND_FAILED',
        `[${a.shape.join()}] and [${b.shape.join()}] do not broadcast.`,
      );
    return x === 1 ? y : x;
  });
}
