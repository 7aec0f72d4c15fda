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
import type { Emission } from './emission.ts';
import { Graph, type Value } from './graph.ts';
import { runLayers } from './layers.ts';
import type { Lifetime } from './lifetime.ts';
import { packArray, packRows, unpackRows } from './packing.ts';
import type { Session, Sessions } from './sessions.ts';
import { asIs, layoutOf, paddedWidth, startsInZeros } from './widths.ts';

/** Rows of one run: enough to keep two threads in long GEMMs, few enough that hidden layers stay in the caches. */
const TILE = 1024;

/** A mixture of networks as one graph. */
export class OnnxProjectorRunner implements ProjectorRunner {
  readonly #widths: Widths;
  readonly #session: Session;
  readonly #lifetime: Lifetime;

  private constructor(widths: Widths, session: Session, lifetime: Lifetime) {
    this.#widths = widths;
    this.#session = session;
    this.#lifetime = lifetime;
  }

  /** @throws FREEBIND_SHAPE_MISMATCH */
  static async open(mixture: readonly Network[], sessions: Sessions, lifetime: Lifetime): Promise<OnnxProjectorRunner> {
    const widths = checkMixture(mixture);
    return new OnnxProjectorRunner(widths, await sessions.open(projectorGraph(mixture, widths)), lifetime);
  }

  async project(rows: Matrix): Promise<Matrix> {
    this.#lifetime.check();
    const { input, padded, output } = this.#widths;
    if (rows.cols !== input) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Rows of ${rows.cols} columns were given to a projector that takes ${input}.`,
      );
    }
    const out = matrix(rows.rows, output);
    for (let start = 0; start < rows.rows; start += TILE) {
      const packed = packRows(rows, start, Math.min(TILE, rows.rows - start), padded);
      this.#lifetime.check();
      const { outputs } = await this.#session.run({ rows: packed });
      if (outputs['mean']) out.data.set(unpackRows(outputs['mean']).data, start * output);
    }
    return out;
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await this.#session.close();
  }
}

interface Widths {
  readonly input: number;
  /** Columns of the rows as they are fed. */
  readonly padded: number;
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
  const [input, output] = [inputWidth(first.layers), outputWidth(first.layers)];
  return { input, output, padded: mixture.every(({ layers }) => startsInZeros(layers)) ? paddedWidth(input) : input };
}

/** `rows` [n, padded] → `mean` [n, output]: the mean of the networks' outputs. */
function projectorGraph(mixture: readonly Network[], { padded, output }: Widths): Uint8Array {
  const graph = new Graph();
  const rows = graph.input('rows', ['n', padded]);
  const outputs = mixture.map((network): Value => {
    const { layers, weights } = foldNetwork(network);
    const { stored } = layoutOf(layers, padded, output);
    const constants = new Map(
      parametersOf(layers).map(({ name, shape }) => {
        const { dims, data } = packArray(weights[name]?.data, shape, stored.get(name) ?? asIs(shape));
        return [name, graph.constant(dims, data)];
      }),
    );
    const emission: Emission = {
      graph,
      statistics: 'running',
      read: (name) => constants.get(name) ?? rows,
      move: () => undefined,
      accumulate: () => undefined,
      dropoutKeys: unreachable,
    };
    return runLayers(emission, layers, [rows]).output[0] ?? rows;
  });
  const sum = outputs.reduce((a, b) => graph.add(a, b));
  graph.output('mean', outputs.length === 1 ? sum : graph.mul(sum, graph.scalar(1 / outputs.length)));
  return graph.encode();
}

function unreachable(): never {
  throw new FreebindError('FREEBIND_BACKEND_FAILED', 'Inference has no dropout.');
}
