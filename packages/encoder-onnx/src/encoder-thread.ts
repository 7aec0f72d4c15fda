import { Worker } from 'node:worker_threads';
import { FreebindError } from '@freebind/core';
import type { Feed, GraphPorts } from './contract.ts';

/** Where a graph runs. */
export interface EncoderPlacement {
  /** Default `cpu`. Nodes that a GPU's provider lacks run on the CPU. */
  readonly device?: 'cpu' | 'cuda' | 'webgpu';
  /** Threads of the CPU. Default: all cores. */
  readonly threads?: number;
}

/** What is asked of the thread. */
export type Request = { readonly id: number } & (
  | { readonly kind: 'load'; readonly path: string; readonly device: string; readonly threads?: number }
  | { readonly kind: 'run'; readonly feeds: Readonly<Record<string, Feed>>; readonly output: string }
);
type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: unknown });

/** Rows that came out of a graph. */
export interface GraphRows {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** A thread with one onnxruntime session in it. Ending the thread is what gives a model's memory back. */
export class EncoderThread {
  readonly #worker = new Worker(new URL('./encoder-worker.js', import.meta.url), { name: 'encoder' });
  readonly #pending = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (e: unknown) => void }
  >();
  #calls = 0;
  #ended: Error | undefined;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (this.#pending.size === 0) this.#worker.unref();
      if ('error' in reply) pending?.reject(reply.error);
      else pending?.resolve(reply.value);
    });
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new FreebindError('FREEBIND_CLOSED', 'The encoder was closed.')));
  }

  async load(path: string, { device = 'cpu', threads }: EncoderPlacement): Promise<GraphPorts> {
    const request = { kind: 'load', path, device, ...(threads !== undefined && { threads }) } as const;
    // The worker's answer to `load`.
    return (await this.#call(request)) as GraphPorts;
  }

  async run(feeds: Readonly<Record<string, Feed>>, output: string): Promise<GraphRows> {
    // The worker's answer to `run`.
    return (await this.#call({ kind: 'run', feeds, output })) as GraphRows;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #call(
    request: Omit<Extract<Request, { kind: 'load' }>, 'id'> | Omit<Extract<Request, { kind: 'run' }>, 'id'>,
  ): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
      this.#worker.postMessage({ ...request, id });
    });
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
