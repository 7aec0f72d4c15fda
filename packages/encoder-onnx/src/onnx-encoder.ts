import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { checkThreads, FreebindError, isFreebindError } from '@freebind/core';
import { checkGraph, fixedRows, type Feed, type GraphContract, type GraphRows } from './contract.ts';
import { checkDevice, type EncoderPlacement } from './encoder-placement.ts';
import { messageOf, NO_MEMORY, openGraph, type OpenGraph } from './open-graph.ts';
import { rowsOf, windowsOf } from './row-windows.ts';

/** A graph file and what it must be. */
export interface OnnxEncoderOptions extends EncoderPlacement {
  /** Asked when the graph is first run, so that a space can be made before its files are there. */
  readonly path: () => Promise<string>;
  readonly contract: GraphContract;
  /** Rows of every run, where a graph does not say by itself that it is right for one number alone; asked when it is loaded. */
  readonly rows?: (path: string) => Promise<number | undefined>;
}

/** A loaded graph. */
interface Loaded extends Omit<OpenGraph, 'ports'> {
  /** Rows of every run, or undefined for any. */
  readonly rows: number | undefined;
}

/**
 * One ONNX graph that turns tensors into rows. It is loaded and held against its contract when it is first run, in a thread of
 * its own; `drop` gives its memory back, and the next run loads it again.
 */
export class OnnxEncoder {
  readonly contract: GraphContract;
  readonly #options: OnnxEncoderOptions;
  #loaded: Promise<Loaded> | undefined;
  #closed = false;

  /** @throws FREEBIND_ARGUMENT_INVALID for a device that is none, and for numbers of threads that are none */
  constructor(options: OnnxEncoderOptions) {
    checkDevice(options.device);
    if (options.threads !== undefined) checkThreads(options.threads, availableParallelism());
    this.contract = options.contract;
    this.#options = options;
  }

  /** Whether the graph is in memory, or on its way there. */
  get loaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** Where it runs. */
  get device(): string {
    return this.#options.device ?? 'cpu';
  }

  /** The graph's file and its external data: what lies beside it as `NAME.onnx_data`, `NAME.onnx.data`, `NAME.onnx_data_1`, …, as exporters name them. */
  async files(): Promise<readonly string[]> {
    const path = await this.#options.path();
    const beside = await readdir(dirname(path)).catch((): string[] => []);
    const own = [`${basename(path)}_data`, `${basename(path)}.data`];
    const data = beside.filter((name) => own.some((start) => name.startsWith(start))).sort();
    return [path, ...data.map((name) => join(dirname(path), name))];
  }

  /**
   * Runs the graph: [rows, dimension] of its output, as it comes out. With `moved` the feeds' memory goes to its thread instead of
   * being copied there, and they are empty afterwards.
   *
   * @throws FREEBIND_FILE_MISSING when the graph or its external data is not there, FREEBIND_FILE_INVALID when it does not load
   * or is not what the contract says, FREEBIND_DEVICE_UNAVAILABLE when it loads on the CPU alone, FREEBIND_BACKEND_FAILED when it fails to run, FREEBIND_CLOSED, FREEBIND_ABORTED
   */
  async run(
    feeds: Readonly<Record<string, Feed>>,
    { signal, moved = false }: { readonly signal?: AbortSignal | undefined; readonly moved?: boolean } = {},
  ): Promise<GraphRows> {
    if (this.#closed) throw closed();
    this.#loaded ??= this.#load();
    const { rows: fixed, ...open } = await this.#loaded.catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    const total = rowsOf(feeds);
    if (fixed === undefined || fixed === total) return this.#runOnce(open, feeds, { signal, moved });
    const { dimension } = this.contract;
    const data = new Float32Array(total * dimension);
    for (const [w, window] of windowsOf(feeds, fixed).entries()) {
      const rows = await this.#runOnce(open, window, { signal, moved: true });
      const start = w * fixed * dimension;
      data.set(rows.data.subarray(0, data.length - start), start);
    }
    return { dims: [total, dimension], data };
  }

  async #runOnce(
    { thread, graph }: Omit<OpenGraph, 'ports'>,
    feeds: Readonly<Record<string, Feed>>,
    { signal, moved }: { readonly signal: AbortSignal | undefined; readonly moved: boolean },
  ): Promise<GraphRows> {
    const { output, dimension } = this.contract;
    // Every input has as many rows as comes out.
    const wanted = [rowsOf(feeds), dimension];
    const buffers = Object.values(feeds).flatMap(({ data: { buffer } }) =>
      buffer instanceof ArrayBuffer ? [buffer] : [],
    );
    const transfer = moved ? [...new Set(buffers)] : [];
    const rows = await thread.call('run', [graph, feeds, output], { signal, transfer }).catch((cause: unknown) => {
      if (isFreebindError(cause) || this.#closed) throw isFreebindError(cause) ? cause : closed();
      const message = messageOf(cause);
      const what = NO_MEMORY.test(message)
        ? `There is not enough memory to run an encoder on ${rowsOf(feeds)} rows`
        : 'onnxruntime failed to run an encoder';
      throw new FreebindError(
        'FREEBIND_BACKEND_FAILED',
        `${what}: ${message}. Try a smaller \`batch\`, or device "cpu".`,
        { cause },
      );
    });
    if (rows.dims.length === 2 && rows.dims.every((dim, i) => dim === wanted[i])) return rows;
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `An encoder gave "${output}" of shape [${rows.dims.join(', ')}], expected [${wanted.join(', ')}]. Export it as the space's model page says.`,
    );
  }

  /** Loads the graph if it is not there, without running it. @throws as `run` */
  async load(): Promise<void> {
    if (this.#closed) throw closed();
    this.#loaded ??= this.#load();
    await this.#loaded.catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
  }

  /** Gives the graph's memory back. Runs that are under way fail with FREEBIND_CLOSED. */
  async drop(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await (await loaded?.catch(() => undefined))?.thread.close();
  }

  /** As `drop`, for good. Calling it twice is quiet. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.drop();
  }

  async #load(): Promise<Loaded> {
    const { path: find, contract, rows } = this.#options;
    const path = await find();
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() !== true)
      throw new FreebindError(
        'FREEBIND_FILE_MISSING',
        `There is no graph ${path}. Put it there, or check the path for a slip.`,
      );
    const { ports, ...open } = await openGraph(path, stats.size, this.#options);
    try {
      checkGraph(ports, contract, path);
      return { ...open, rows: fixedRows(ports) ?? (await rows?.(path)) };
    } catch (error) {
      await open.thread.close();
      throw error;
    }
  }
}

function closed(): FreebindError {
  return new FreebindError('FREEBIND_CLOSED', 'The encoder was closed; make another space to go on.');
}
