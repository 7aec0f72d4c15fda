import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { checkThreads, FreebindError, isFreebindError } from '@freebind/core';
import { ThreadPool } from '@freebind/threads';
import { checkGraph, fixedRows, type Feed, type GraphContract, type GraphPorts, type GraphRows } from './contract.ts';
import type { EncoderPlacement } from './encoder-placement.ts';
import { rowsOf, windowsOf } from './row-windows.ts';

/** What `encoder-worker.js` exports. */
interface EncoderWorker {
  load(path: string, placement: EncoderPlacement): Promise<GraphPorts>;
  run(feeds: Readonly<Record<string, Feed>>, output: string): Promise<GraphRows>;
}

/** A thread with one onnxruntime session in it. Ending the thread is what gives a model's memory back. */
type EncoderThread = ThreadPool<EncoderWorker>;

/** A graph file and what it must be. */
export interface OnnxEncoderOptions extends EncoderPlacement {
  /** Asked when the graph is first run, so that a space can be made before its files are there. */
  readonly path: () => Promise<string>;
  readonly contract: GraphContract;
  /** Rows of every run, where a graph does not say by itself that it is right for one number alone; asked when it is loaded. */
  readonly rows?: (path: string) => Promise<number | undefined>;
}

/** A loaded graph. */
interface Loaded {
  readonly thread: EncoderThread;
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

  /** @throws FREEBIND_ARGUMENT_INVALID for numbers of threads that are none */
  constructor(options: OnnxEncoderOptions) {
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
   * or is not what the contract says, FREEBIND_BACKEND_FAILED when it fails to run, FREEBIND_CLOSED, FREEBIND_ABORTED
   */
  async run(
    feeds: Readonly<Record<string, Feed>>,
    { signal, moved = false }: { readonly signal?: AbortSignal | undefined; readonly moved?: boolean } = {},
  ): Promise<GraphRows> {
    if (this.#closed) throw closed();
    this.#loaded ??= this.#load();
    const { thread, rows: fixed } = await this.#loaded.catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    const total = rowsOf(feeds);
    if (fixed === undefined || fixed === total) return this.#runOnce(thread, feeds, { signal, moved });
    const { dimension } = this.contract;
    const data = new Float32Array(total * dimension);
    for (const [w, window] of windowsOf(feeds, fixed).entries()) {
      const rows = await this.#runOnce(thread, window, { signal, moved: true });
      const start = w * fixed * dimension;
      data.set(rows.data.subarray(0, data.length - start), start);
    }
    return { dims: [total, dimension], data };
  }

  async #runOnce(
    thread: EncoderThread,
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
    const rows = await thread.call('run', [feeds, output], { signal, transfer }).catch((cause: unknown) => {
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
    const { device = 'cpu', threads } = this.#options;
    // onnxruntime would report to its makers, and on its way there a long command line overflows a thread's stack. It reads the
    // environment of the process, of which a thread has but a copy.
    process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
    // Plain JavaScript, which is the same in the sources and in the build.
    const thread: EncoderThread = new ThreadPool({
      module: new URL('./encoder-worker.js', import.meta.url),
      size: 1,
      owner: 'the encoder',
    });
    try {
      const placement = { device, ...(threads !== undefined && { threads }) };
      const ports = await thread.call('load', [path, placement]);
      checkGraph(ports, contract, path);
      return { thread, rows: fixedRows(ports) ?? (await rows?.(path)) };
    } catch (error) {
      await thread.close();
      throw isFreebindError(error) ? error : loadError(path, stats.size, error);
    }
  }
}

/** How onnxruntime says that there is not enough memory. */
const NO_MEMORY = /bad[_ ]alloc|out of memory|Failed to allocate|Cannot allocate/i;

/** onnxruntime tells apart only in words why a graph does not load. */
function loadError(path: string, size: number, cause: unknown): FreebindError {
  const message = messageOf(cause);
  const external =
    /external data|External initializer|model_path|cannot get file size|\.onnx[._-]data|\.data\b/i.test(message) ||
    /No such file|file_size/i.test(message);
  if (external) {
    return new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${path} keeps its weights in another file that is not beside it, or is cut short (${message}). Put all files of the model into one folder.`,
      { cause },
    );
  }
  if (NO_MEMORY.test(message)) {
    return new FreebindError(
      'FREEBIND_BACKEND_FAILED',
      `There is not enough memory to load ${path} (${size} bytes). Close other spaces (\`drop\`), or take a smaller model.`,
      { cause },
    );
  }
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} (${size} bytes) could not be loaded by onnxruntime (${message}): it is damaged, cut short, or no ONNX graph. Get it again from its source.`,
    { cause },
  );
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function closed(): FreebindError {
  return new FreebindError('FREEBIND_CLOSED', 'The encoder was closed; make another space to go on.');
}
