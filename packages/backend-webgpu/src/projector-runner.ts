import {
  checkNetwork,
  foldNetwork,
  FreebindError,
  inputWidth,
  type Layer,
  type Matrix,
  matrix,
  type Network,
  outputWidth,
  type ProjectorRunner,
} from '@freebind/core';
import type { Engine } from './engine.ts';
import { weightedSum } from './kernels/weighted-sum.ts';
import { runLayers } from './layers.ts';
import type { Lifetime } from './lifetime.ts';
import { Memory, write } from './memory.ts';
import { runningScales } from './norms.ts';
import { Plan, submitAndRead } from './plan.ts';
import type { Rows } from './rows.ts';

/** Rows of one submission: enough to fill a large device, few enough that hidden layers need little memory. */
const TILE = 4096;

/** A network of the mixture on the device. */
interface Head {
  readonly layers: readonly Layer[];
  readonly weights: ReadonlyMap<string, Rows>;
}

/** The mean of a mixture's networks in inference mode. */
export class WebgpuProjectorRunner implements ProjectorRunner {
  readonly #widths: { readonly input: number; readonly output: number };
  readonly #heads: readonly Head[];
  readonly #engine: Engine;
  readonly #memory: Memory;
  readonly #lifetime: Lifetime;

  private constructor(
    widths: { readonly input: number; readonly output: number },
    heads: readonly Head[],
    { engine, memory, lifetime }: { engine: Engine; memory: Memory; lifetime: Lifetime },
  ) {
    this.#widths = widths;
    this.#heads = heads;
    this.#engine = engine;
    this.#memory = memory;
    this.#lifetime = lifetime;
  }

  /** @throws FREEBIND_SHAPE_MISMATCH, and FREEBIND_BACKEND_FAILED when the device has too little memory */
  static async open(mixture: readonly Network[], engine: Engine, lifetime: Lifetime): Promise<WebgpuProjectorRunner> {
    const widths = checkMixture(mixture);
    const memory = new Memory(engine.device);
    try {
      const heads = await engine.device.guard('Opening a projector', () =>
        mixture.map(foldNetwork).map(({ layers, weights }): Head => {
          const needed = [...Object.entries(weights), ...runningScales({ layers, weights })];
          const held = needed.map(([name, { shape, data }]): [string, Rows] => {
            const [rows, cols] = shape.length >= 2 ? [shape[0] ?? 1, shape[1] ?? 1] : [1, data.length];
            return [name, memory.hold(name, rows, cols, data)];
          });
          return { layers, weights: new Map(held) };
        }),
      );
      return new WebgpuProjectorRunner(widths, heads, { engine, memory, lifetime });
    } catch (error) {
      memory.close();
      throw error;
    }
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
      const end = Math.min(start + TILE, rows.rows);
      const projected = await this.#lifetime.run(() =>
        this.#projectTile({ rows: end - start, cols: input, data: rows.data.subarray(start * input, end * input) }),
      );
      out.data.set(projected, start * output);
    }
    return out;
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    this.#memory.close();
  }

  async #projectTile(tile: Matrix): Promise<Float32Array> {
    const { device, networkTiles } = this.#engine;
    const memory = new Memory(device);
    const plan = new Plan(device, networkTiles);
    try {
      const mean = await device.guard('A projection', () => {
        const x = memory.take('rows', tile.rows, tile.cols);
        write(device, x, tile.data);
        return this.#record(plan, memory, x);
      });
      await plan.prepare();
      const [bytes = new ArrayBuffer(0)] = await submitAndRead(device, plan, [mean]);
      return new Float32Array(bytes);
    } finally {
      plan.close();
      memory.close();
    }
  }

  #record(plan: Plan, memory: Memory, x: Rows): Rows {
    const [first, ...others] = this.#heads;
    const run = ({ layers, weights }: Head): Rows => {
      const weight = (name: string): Rows => weights.get(name) ?? x;
      return runLayers({ plan, memory, weight }, layers, x).output;
    };
    const output = first ? run(first) : x;
    if (others.length === 0) return output;
    const share = 1 / this.#heads.length;
    const mean = memory.take('mean', x.rows, output.cols);
    weightedSum(plan, { a: share, x: output, sum: mean, fresh: true });
    if (output !== x) memory.giveBack(output);
    for (const head of others) {
      const more = run(head);
      weightedSum(plan, { a: share, x: more, sum: mean });
      if (more !== x) memory.giveBack(more);
    }
    return mean;
  }
}

function checkMixture(mixture: readonly Network[]): { readonly input: number; readonly output: number } {
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
