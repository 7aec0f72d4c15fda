import { FreebindError } from '@freebind/core';
import type { Compiled, Instruction, Packed } from './worker-protocol.ts';

/** A number, or the name of a size that a run decides. */
export type Size = number | string;
/** What a kernel, an input or a constant gives. Two-dimensional unless said otherwise. */
export interface Value {
  readonly slot: number;
  readonly shape: readonly Size[];
}

interface Node {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, Value>> | readonly Value[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly slot: number;
}

/**
 * Kernels of TensorFlow.js in the order in which they will run. Methods append one and return its value; nothing runs here.
 * The worker gets a list with the place where each tensor dies, so that none leaks and memory is known before a run.
 *
 * Products take no transposed factors: the wasm runtime leaves XNNPACK for those, and is thirty times slower.
 */
export class Program {
  readonly #nodes: Node[] = [];
  readonly #constants: { slot: number; value: Packed }[] = [];
  readonly #scalars = new Map<number, Value>();
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  /** Bytes of each slot; 0 where only a run decides. */
  readonly #sizes: number[] = [];

  /** What a run is fed under `name`, or has there in one of its states. */
  input(name: string, shape: readonly Size[]): Value {
    const known = this.#inputs.get(name) ?? this.#value(shape);
    this.#inputs.set(name, known);
    return known;
  }

  constant(shape: readonly number[], data: Float32Array): Value {
    const value = this.#value(shape);
    this.#constants.push({ slot: value.slot, value: { shape, data } });
    return value;
  }

  /** A number of shape []. */
  scalar(x: number): Value {
    const known = this.#scalars.get(x) ?? this.constant([], Float32Array.of(x));
    this.#scalars.set(x, known);
    return known;
  }

  /** Gives `value` out of the program under `name`. */
  output(name: string, value: Value): void {
    this.#outputs.set(name, value);
  }

  apply(
    kernel: string,
    inputs: Readonly<Record<string, Value>> | readonly Value[],
    shape: readonly Size[],
    attributes: Readonly<Record<string, unknown>> = {},
  ): Value {
    const value = this.#value(shape);
    this.#nodes.push({ kernel, inputs, attributes, slot: value.slot });
    return value;
  }

  add = (a: Value, b: Value): Value => this.#binary('Add', a, b);
  sub = (a: Value, b: Value): Value => this.#binary('Sub', a, b);
  mul = (a: Value, b: Value): Value => this.#binary('Multiply', a, b);
  div = (a: Value, b: Value): Value => this.#binary('RealDiv', a, b);
  max = (a: Value, b: Value): Value => this.#binary('Maximum', a, b);
  exp = (x: Value): Value => this.apply('Exp', { x }, x.shape);
  log = (x: Value): Value => this.apply('Log', { x }, x.shape);
  sqrt = (x: Value): Value => this.apply('Sqrt', { x }, x.shape);
  square = (x: Value): Value => this.apply('Square', { x }, x.shape);
  erf = (x: Value): Value => this.apply('Erf', { x }, x.shape);
  /** 1 where x > 0, else 0; NaN where x is. */
  step = (x: Value): Value => this.apply('Step', { x }, x.shape, { alpha: 0 });
  reciprocal = (x: Value): Value => this.div(this.scalar(1), x);
  scale = (x: Value, by: number): Value => (by === 1 ? x : this.mul(x, this.scalar(by)));
  /** Of each row. */
  softmax = (logits: Value): Value => this.apply('Softmax', { logits }, logits.shape, { dim: 1 });
  transpose = (x: Value): Value => this.apply('Transpose', { x }, [...x.shape].reverse(), { perm: [1, 0] });

  /** a · b: [n, k] · [k, m] → [n, m]. */
  product(a: Value, b: Value): Value {
    if (a.shape[1] !== b.shape[0]) throw misfit(a, b, 'multiply');
    const attributes = { transposeA: false, transposeB: false };
    return this.apply('BatchMatMul', { a, b }, [a.shape[0] ?? 0, b.shape[1] ?? 0], attributes);
  }

  /** Of each row: [n, d] → [n, 1]. */
  sumOfRow = (x: Value): Value => this.#reduceRow('Sum', { axis: [1] }, x);
  maxOfRow = (x: Value): Value => this.#reduceRow('Max', { reductionIndices: [1] }, x);

  /**
   * Of each column: [n, d] → [1, d], for a known n. Pooling over a window of all rows: reductions of the first axis
   * transpose what they reduce, which makes them forty times slower on wasm.
   */
  meanOfColumn = (x: Value): Value => this.#pool('AvgPool', x);
  maxOfColumn = (x: Value): Value => this.#pool('MaxPool', x);
  sumOfColumn = (x: Value): Value => this.scale(this.meanOfColumn(x), Number(x.shape[0]));

  /** Σ over columns of a ∘ b: [n, d] → [n, 1]. */
  dotRows = (a: Value, b: Value): Value => this.sumOfRow(this.mul(a, b));

  reshape(x: Value, shape: readonly number[]): Value {
    return x.shape.join() === shape.join() ? x : this.apply('Reshape', { x }, shape, { shape });
  }

  /** Rows `start` to `end` (exclusive). */
  rows(x: Value, start: number, end: number): Value {
    if (start === 0 && end === x.shape[0]) return x;
    const size = [end - start, Number(x.shape[1])];
    return this.apply('Slice', { x }, size, { begin: [start, 0], size });
  }

  /** Tables one below the other. */
  stack(parts: readonly Value[]): Value {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return first;
    const rows = parts.reduce((sum, { shape }) => sum + Number(shape[0]), 0);
    return this.apply('Concat', parts, [rows, first?.shape[1] ?? 0], { axis: 0 });
  }

  sum(values: readonly Value[]): Value {
    return values.reduce((a, b) => this.add(a, b));
  }

  /** The program as the worker takes it: without what no output needs, each tensor freed behind its last reader. */
  compile(): Compiled {
    const outputs = [...this.#outputs].map(([name, { slot }]) => ({ name, slot }));
    const used = new Set(outputs.map(({ slot }) => slot));
    const instructions: Instruction[] = [];
    for (const { kernel, inputs, attributes, slot } of this.#nodes.toReversed()) {
      if (!used.has(slot)) continue;
      const read = [...new Set(Object.values(inputs).map((value: Value) => value.slot))];
      // Seen from the end, whatever is not used yet is read here for the last time.
      const free = read.filter((input) => !used.has(input));
      read.forEach((input) => used.add(input));
      instructions.push({ kernel, inputs: slotsOf(inputs), attributes, slot, free });
    }
    instructions.reverse();
    return {
      inputs: [...this.#inputs].map(([name, { slot }]) => ({ name, slot, unused: !used.has(slot) })),
      constants: this.#constants.filter(({ slot }) => used.has(slot)),
      instructions,
      outputs,
      peakBytes: this.#peakBytes(instructions),
    };
  }

  /** As `Compiled.peakBytes`. */
  #peakBytes(instructions: readonly Instruction[]): number {
    const held = new Map<number, number>();
    const packed = new Set<number>();
    let [bytes, peak] = [0, 0];
    const hold = (slot: number, more: number): void => {
      held.set(slot, (held.get(slot) ?? 0) + more);
      bytes += more;
    };
    for (const { kernel, inputs, slot, free } of instructions) {
      // Reshape shares what it reads, which is freed no earlier than its result.
      if (kernel !== 'Reshape') hold(slot, this.#sizes[slot] ?? 0);
      // XNNPACK packs a right factor into a copy, which lives as long as the factor.
      const right = kernel === 'BatchMatMul' && 'b' in inputs ? inputs.b : undefined;
      if (right !== undefined && !packed.has(right)) hold(right, this.#sizes[right] ?? 0);
      if (right !== undefined) packed.add(right);
      peak = Math.max(peak, bytes);
      for (const spent of free) hold(spent, -(held.get(spent) ?? 0));
    }
    return peak;
  }

  #value(shape: readonly Size[]): Value {
    const size = shape.reduce<number>((product, length) => product * (typeof length === 'number' ? length : 0), 4);
    this.#sizes.push(size);
    return { slot: this.#sizes.length - 1, shape };
  }

  #binary(kernel: string, a: Value, b: Value): Value {
    return this.apply(kernel, { a, b }, broadcast(a, b));
  }

  #reduceRow(kernel: string, axes: Readonly<Record<string, readonly number[]>>, x: Value): Value {
    return this.apply(kernel, { x }, [x.shape[0] ?? 0, 1], { ...axes, keepDims: true });
  }

  #pool(kernel: 'AvgPool' | 'MaxPool', x: Value): Value {
    const [rows, cols] = x.shape.map(Number);
    if (rows === 1) return x;
    const image = this.reshape(x, [1, rows ?? 0, 1, cols ?? 0]);
    const attributes = { filterSize: [rows, 1], strides: [1, 1], pad: 'valid' };
    return this.reshape(this.apply(kernel, { x: image }, [1, 1, 1, cols ?? 0], attributes), [1, cols ?? 0]);
  }
}

function slotsOf(inputs: Node['inputs']): Instruction['inputs'] {
  if (isList(inputs)) return inputs.map(({ slot }) => slot);
  return Object.fromEntries(Object.entries(inputs).map(([name, { slot }]) => [name, slot]));
}

const isList = (inputs: Node['inputs']): inputs is readonly Value[] => Array.isArray(inputs);

/** Shape of an elementwise operation: sizes of 1 stretch. */
function broadcast(a: Value, b: Value): readonly Size[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a.shape[a.shape.length - rank + i] ?? 1;
    const y = b.shape[b.shape.length - rank + i] ?? 1;
    if (x !== 1 && y !== 1 && x !== y) throw misfit(a, b, 'broadcast');
    return x === 1 ? y : x;
  });
}

function misfit(a: Value, b: Value, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_BACKEND_FAILED',
    `[${a.shape.join()}] and [${b.shape.join()}] do not ${what}; this is a fault of the backend, please report it.`,
  );
}
