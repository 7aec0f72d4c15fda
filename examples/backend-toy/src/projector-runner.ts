import {
  checkNetwork,
  FreebindError,
  inputWidth,
  type Matrix,
  matrix,
  type Network,
  outputWidth,
  type ProjectorRunner,
} from '@freebind/core';
import { at, forward } from './layers.ts';
import type { Lifetime } from './lifetime.ts';

/** The mean of a mixture's networks in inference mode, row by row. */
export class MyProjectorRunner implements ProjectorRunner {
  readonly #mixture: readonly Network[];
  readonly #input: number;
  readonly #output: number;
  readonly #lifetime: Lifetime;

  /** @throws FREEBIND_SHAPE_MISMATCH */
  constructor(mixture: readonly Network[], lifetime: Lifetime) {
    mixture.forEach((network, i) => checkNetwork(network, `network ${i} of the mixture`));
    const widths = mixture.map(({ layers }) => `${inputWidth(layers)} to ${outputWidth(layers)}`);
    const [first] = mixture;
    if (first === undefined || new Set(widths).size > 1) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `A mixture was given with networks of widths [${widths.join(', ')}]; give at least one network, all of one input and one output width.`,
      );
    }
    // A copy: whoever opened the projector may go on training the network.
    this.#mixture = structuredClone(mixture);
    this.#input = inputWidth(first.layers);
    this.#output = outputWidth(first.layers);
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
    const out = new Float32Array(rows.rows * this.#output);
    for (let r = 0; r < rows.rows; r++) {
      const row = Float64Array.from(rows.data.subarray(r * rows.cols, (r + 1) * rows.cols));
      const outputs = this.#mixture.map(({ layers, weights }) => forward(layers, row, weights));
      // The mean is not normalised: FreeBind averages the heads of all experts first and normalises once.
      const mean = Float64Array.from(
        { length: this.#output },
        (_, c) => outputs.reduce((sum, output) => sum + at(output, c), 0) / outputs.length,
      );
      out.set(mean, r * this.#output);
    }
    return matrix(rows.rows, this.#output, out);
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }
}
