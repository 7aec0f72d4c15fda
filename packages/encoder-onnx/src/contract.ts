import { FreebindError } from '@freebind/core';

/** Element types that encoders' graphs take and give. */
export type ElementType = 'float32' | 'int64' | 'bool';

/** A tensor on its way to a graph: numbers in C order. */
export interface Feed {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array | Uint8Array;
  /**
   * Where the bytes of `data` stand for float32 numbers: which each one does, by its place in the second dimension, such as a picture's
   * channels: [dims[1], 256]. They are looked up in the graph's thread, so that a quarter of the memory is on its way there.
   */
  readonly levels?: Float32Array;
  /**
   * How often each row's float32 numbers stand one after the other in the tensor where they are in `data` once, such as what CLAP sees four
   * times of a short sound. They are repeated in the graph's thread, for the same reason.
   */
  readonly times?: number;
}

/** What one input or output of a graph must be. A dimension that is a word may be anything, and the same word is the same number. */
export interface Port {
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

/** What a graph must take and give to be an encoder of a space; more inputs are refused, more outputs are not. */
export interface GraphContract {
  readonly inputs: Readonly<Record<string, Port>>;
  /** The embeddings: [rows, dimension]. */
  readonly output: string;
  readonly dimension: number;
}

/** Rows that came out of a graph. */
export interface GraphRows {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** What onnxruntime tells of a loaded graph. Dimensions that are not fixed are words, or numbers below 1. */
export interface GraphPorts {
  readonly inputs: readonly NamedPort[];
  readonly outputs: readonly NamedPort[];
}

interface NamedPort {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly (number | string)[];
}

/** Rows of every run of a graph whose inputs have a fixed first dimension, as exporters without dynamic axes make them; undefined where any number may come. */
export function fixedRows({ inputs }: GraphPorts): number | undefined {
  const rows = inputs.map(({ dims }) => dims[0]);
  return rows.find((dim): dim is number => typeof dim === 'number' && dim >= 1);
}

/** Holds a graph against its contract. @throws FREEBIND_FILE_INVALID saying what was found and what was expected */
export function checkGraph(found: GraphPorts, contract: GraphContract, path: string): void {
  const wrong = (what: string): FreebindError =>
    new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is not the encoder that was expected: ${what}. Export it as the space's model page says, and check it with \`freebind models check\`.`,
    );
  for (const [name, port] of Object.entries(contract.inputs)) {
    const input = found.inputs.find((one) => one.name === name);
    if (input === undefined)
      throw wrong(`it has no input "${name}", only ${found.inputs.map((one) => one.name).join(', ') || 'none'}`);
    if (input.type !== port.type || !dimsFit(input.dims, port.dims))
      throw wrong(`its input "${name}" is ${show(input)}, expected ${show(port)}`);
  }
  const stray = found.inputs.find(({ name }) => !Object.hasOwn(contract.inputs, name));
  if (stray !== undefined)
    throw wrong(`it wants an input "${stray.name}", expected only ${Object.keys(contract.inputs).join(', ')}`);
  const output = found.outputs.find(({ name }) => name === contract.output);
  if (output === undefined)
    throw wrong(`it has no output "${contract.output}", only ${found.outputs.map(({ name }) => name).join(', ')}`);
  const expected: Port = { type: 'float32', dims: ['rows', contract.dimension] };
  if (output.type !== 'float32' || !dimsFit(output.dims, expected.dims))
    throw wrong(`its output "${contract.output}" is ${show(output)}, expected ${show(expected)}`);
}

/** Whether a graph's dimensions can be those wanted. Exporters fix or forget some; only a number against another number is a contradiction. The first is of rows, which may be fixed (`fixedRows`). */
function dimsFit(found: readonly (number | string)[], wanted: readonly (number | string)[]): boolean {
  // Some exporters lose the rank of outputs.
  if (found.length === 0) return true;
  if (found.length !== wanted.length) return false;
  return wanted.every((want, i) => {
    const have = found[i];
    const free = typeof have !== 'number' || have < 1;
    return free || (typeof want === 'number' ? have === want : i === 0);
  });
}

function show({ type, dims }: { readonly type: string; readonly dims: readonly (number | string)[] }): string {
  return `${type} [${dims.join(', ')}]`;
}
