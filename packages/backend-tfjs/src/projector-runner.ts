import {
  checkNetwork,
  foldNetwork,
  FreebindError,
  inputWidth,
  type Matrix,
  matrix,
  type Network,
  outputWidth,
  parametersOf,
  type ProjectorRunner,
} from '@freebind/core';
import type { Device, OpenProgram } from './device.ts';
import type { Emission } from './emission.ts';
import { forward } from './layers.ts';
import type { Lifetime } from './lifetime.ts';
import { packArray, packRows, unpackRows } from './packing.ts';
import { Program, type Value } from './program.ts';
import type { Compiled } from './worker-protocol.ts';

/** Rows of one run: enough for long products, few enough that hidden layers need little memory. */
const TILE = 1024;

/** A mixture of networks as one program, with the weights as its constants. */
export class TfjsProjectorRunner implements ProjectorRunner {
  readonly #widths: Widths;
  readonly #program: OpenProgram;
  readonly #lifetime: Lifetime;

  private constructor(widths: Widths, program: OpenProgram, lifetime: Lifetime) {
    this.#widths = widths;
    this.#program = program;
    this.#lifetime = lifetime;
  }

  /** @throws FREEBIND_SHAPE_MISMATCH */
  static async open(mixture: readonly Network[], device: Device, lifetime: Lifetime): Promise<TfjsProjectorRunner> {
    const widths = checkMixture(mixture);
    return new TfjsProjectorRunner(widths, await device.open(projectorProgram(mixture, widths)), lifetime);
  }

  async project(rows: Matrix): Promise<Matrix> {
    this.#lifetime.check();
    const { input, output } = this.#widths;
    if (rows.cols !== input) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Rows of ${rows.cols} columns were given to a projector that takes ${input}.`,
      );
    }
    const out = matrix(rows.rows, output);
    for (let start = 0; start < rows.rows; start += TILE) {
      this.#lifetime.check();
      const { mean } = await this.#program.run({ rows: packRows(rows, start, Math.min(TILE, rows.rows - start)) });
      out.data.set(unpackRows(mean).data, start * output);
    }
    return out;
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await this.#program.close();
  }
}

interface Widths {
  readonly input: number;
  readonly output: number;
}

function checkMixture(mixture: readonly Network[]): Widths {
  mixture.forEach((network, i) => checkNetwork(network, `network ${i} of the mixture`));
  const widths = mixture.map(({ layers }) => `${inputWidth(layers)} to ${outputWidth(layers)}`);
  const [first] = mixture;
  if (first === undefined || new Set(widths).size > 1) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A mixture was given with networks of widths [${widths.join(', ')}]; give at least one network, all of one input and one output width.`,
    );
  }
  return { input: inputWidth(first.layers), output: outputWidth(first.layers) };
}

/** `rows` [n, input] → `mean` [n, output]: the mean of the networks' outputs. */
function projectorProgram(mixture: readonly Network[], { input }: Widths): Compiled {
  const program = new Program();
  const rows = program.input('rows', ['n', input]);
  const outputs = mixture.map((network): Value => {
    const { layers, weights } = foldNetwork(network);
    const constants = new Map(
      parametersOf(layers).map(({ name, shape }) => [
        name,
        program.constant(shape, Float32Array.from(packArray(shape, weights[name]?.data).data)),
      ]),
    );
    const emission: Emission = {
      program,
      statistics: 'running',
      read: (name) => constants.get(name) ?? rows,
      move: () => undefined,
      accumulate: () => undefined,
      dropout: unreachable,
    };
    const [output = rows] = forward(emission, layers, [rows]).output;
    return output;
  });
  program.output('mean', program.scale(program.sum(outputs), 1 / outputs.length));
  return program.compile();
}

function unreachable(): never {
  throw new FreebindError('FREEBIND_BACKEND_FAILED', 'Inference has no dropout.');
}
