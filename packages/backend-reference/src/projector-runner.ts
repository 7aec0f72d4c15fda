import {
  checkNetwork,
  FreebindError,
  inputWidth,
  type Layer,
  type Matrix,
  type Network,
  outputWidth,
  type ProjectorRunner,
  sliceRows,
} from '@freebind/core';
import { forward } from './layers.ts';
import type { Lifetime } from './lifetime.ts';
import { addTo, asReturned, copyRows, zeros } from './rows.ts';

/** Rows that are projected at once, so that hidden layers need little memory. */
const TILE = 1024;

/** The mean of a mixture's networks in inference mode. */
export class ReferenceProjectorRunner implements ProjectorRunner {
  readonly #mixture: readonly {
    readonly layers: readonly Layer[];
    readonly weights: ReadonlyMap<string, Float64Array>;
  }[];
  readonly #input: number;
  readonly #output: number;
  readonly #precision: 'float32' | 'float64';
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH */
  constructor(mixture: readonly Network[], precision: 'float32' | 'float64', lifetime: Lifetime) {
    mixture.forEach((network, i) => checkNetwork(network, `network ${i} of the mixture`));
    const widths = mixture.map(({ layers }) => `${inputWidth(layers)} to ${outputWidth(layers)}`);
    const [first] = mixture;
    if (first === undefined || new Set(widths).size > 1) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `A mixture was given with networks of widths [${widths.join(', ')}]; give at least one network, all of one input and one output width.`,
      );
    }
    this.#mixture = mixture.map(({ layers, weights }) => ({ layers, weights: copyWeights(weights) }));
    this.#input = inputWidth(first.layers);
    this.#output = outputWidth(first.layers);
    this.#precision = precision;
    this.#lifetime = lifetime;
  }

  async project(rows: Matrix): Promise<Matrix> {
    this.#lifetime.check();
    if (rows.cols !== this.#input) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Rows of ${rows.cols} columns were given to a projector that takes ${this.#input}.`,
      );
    }
    const mean = zeros(rows.rows, this.#output);
    for (let start = 0; start < rows.rows; start += TILE) {
      const end = Math.min(start + TILE, rows.rows);
      const tile = copyRows(sliceRows(rows, start, end));
      const into = mean.data.subarray(start * this.#output, end * this.#output);
      for (const { layers, weights } of this.#mixture)
        addTo(into, forward(layers, tile, { weights }).output.data, 1 / this.#mixture.length);
    }
    return asReturned(mean, this.#precision);
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }
}

function copyWeights(weights: Network['weights']): ReadonlyMap<string, Float64Array> {
  return new Map(Object.entries(weights).map(([name, { data }]) => [name, Float64Array.from(data)]));
}
