import {
  initialise,
  type Layer,
  type Matrix,
  matrix,
  type Network,
  normalMatrix,
  normaliseRows,
  parametersOf,
  random,
  sliceRows,
  type Table,
  type Tensor,
} from '@freebind/core';

/** Standard normal rows [rows, cols], float32, decided by `seed`. */
export function normalRows(rows: number, cols: number, seed: string | number): Matrix {
  return normalMatrix(rows, cols, random('conformance', seed, rows, cols));
}

/** Unit rows [rows, cols], float32, decided by `seed`. */
export function unitRows(rows: number, cols: number, seed: string | number): Matrix {
  return normaliseRows(normalRows(rows, cols, seed));
}

/** The same numbers in float64. */
export function inFloat64({ rows, cols, data }: Matrix): Matrix {
  return matrix(rows, cols, Float64Array.from(data));
}

/**
 * A network whose every array is random and none at its initial value, so that swapped or forgotten arrays show: scales
 * around 1, shifts around 0, running variances in [0.5, 1.5).
 */
export function networkOf(layers: readonly Layer[], seed: string | number): Network {
  const from = random('conformance network', seed);
  const fresh = initialise(layers, from, 'xavier');
  const weights: Record<string, Tensor> = { ...fresh.weights };
  for (const { name, shape, role } of parametersOf(layers)) {
    if (role === 'weight' || role === 'bias') continue;
    const around = role === 'scale' || name.endsWith('running_var') ? 1 : 0;
    weights[name] = { shape, data: Float32Array.from({ length: shape[0] ?? 0 }, () => around + from.uniform() - 0.5) };
  }
  return { layers, weights };
}

/** A small network with every layer of the vocabulary but those that `without` names, [n, input] → [n, output] unit rows. */
export function everyLayer(input: number, output: number, rate = 0.3): readonly Layer[] {
  return [
    { kind: 'layer-norm', name: 'ln', size: input, epsilon: 1e-5 },
    {
      kind: 'residual',
      name: 'block',
      layers: [
        { kind: 'linear', name: 'up', input, output: 2 * input },
        { kind: 'gelu' },
        { kind: 'dropout', rate },
        { kind: 'linear', name: 'down', input: 2 * input, output: input },
      ],
    },
    { kind: 'linear', name: 'hidden', input, output: input + 3 },
    { kind: 'batch-norm', name: 'bn', size: input + 3, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu' },
    { kind: 'dropout', rate },
    { kind: 'linear', name: 'out', input: input + 3, output },
    { kind: 'normalise' },
  ];
}

/** A table of `repeats` × `block` rows of which only one block is in memory, and the most rows that one read asked for. */
export function repeatedTable(
  block: Matrix,
  repeats: number,
): { readonly table: Table; readonly largestRead: () => number } {
  // Twice the block, so that most reads are views and the case measures the backend, not this table.
  const twice = matrix(2 * block.rows, block.cols, Float32Array.from([...block.data, ...block.data]));
  let largest = 0;
  const gather = async (indices: ArrayLike<number>): Promise<Matrix> => {
    const out = matrix(indices.length, block.cols);
    for (let i = 0; i < indices.length; i++) {
      const row = (indices[i] ?? 0) % block.rows;
      out.data.set(block.data.subarray(row * block.cols, (row + 1) * block.cols), i * block.cols);
    }
    largest = Math.max(largest, indices.length);
    return out;
  };
  const read = async (start: number, end: number): Promise<Matrix> => {
    const offset = start % block.rows;
    if (end - start > twice.rows - offset) return gather(Int32Array.from({ length: end - start }, (_, i) => start + i));
    largest = Math.max(largest, end - start);
    return sliceRows(twice, offset, offset + end - start);
  };
  return {
    table: { rows: block.rows * repeats, cols: block.cols, source: 'a table that repeats itself', read, gather },
    largestRead: () => largest,
  };
}
