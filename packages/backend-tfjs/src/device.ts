import { Worker } from 'node:worker_threads';
import { FreebindError } from '@freebind/core';
import type {
  Chosen,
  Answer,
  Call,
  Compiled,
  Memory,
  Packed,
  PackedByName,
  Reply,
  Request,
  Run,
  Started,
} from './worker-protocol.ts';

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * TensorFlow.js in a worker thread: its kernels block the thread that calls them, and its engine is global to a thread, so a
 * host program that uses tfjs itself shares nothing with it. The worker keeps the process alive only while calls are in flight.
 */
export class Device {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #names = 0;
  /** Why no more calls are taken, if so. */
  #closed: FreebindError | undefined;
  #closing: Promise<void> | undefined;

  constructor(script = new URL('./worker/main.js', import.meta.url)) {
    this.#worker = new Worker(script, { name: 'tfjs' });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#fail('The thread that runs TensorFlow.js failed', cause));
    this.#worker.on('exit', (code) => this.#fail(`The thread that runs TensorFlow.js ended with code ${code}`));
  }

  /** Starts a runtime; the first call. @throws FREEBIND_DEVICE_UNAVAILABLE when it is not on this machine */
  async start(options: Chosen): Promise<Started> {
    const { started } = await this.call({ kind: 'start', options });
    if (started === undefined) throw failed('The worker did not start');
    return started;
  }

  /** Prepares a program to be run. */
  async open(compiled: Compiled): Promise<OpenProgram> {
    const program = ++this.#names;
    await this.call({ kind: 'open', program, compiled });
    return new OpenProgram(this, program);
  }

  /** Gives tensors to the worker, to be read by runs and replaced by them. The tensors' buffers leave this thread. */
  async keep(tensors: PackedByName): Promise<State> {
    const state = ++this.#names;
    await this.call({ kind: 'keep', state, tensors }, buffersOf(tensors));
    return new State(this, state);
  }

  /** What the worker's engine holds: for tests of leaks. */
  async memory(): Promise<Memory> {
    return (await this.call({ kind: 'memory' })).memory ?? { numTensors: Number.NaN, numBytes: Number.NaN };
  }

  /** Sends one request; `transfer` leaves this thread. @throws FREEBIND_CLOSED FREEBIND_BACKEND_FAILED */
  call(request: Request, transfer: readonly ArrayBufferLike[] = []): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
      const call: Call = { ...request, id };
      // What is sent was made by this package, as plain buffers.
      this.#worker.postMessage(call, transfer as readonly ArrayBuffer[]);
    });
  }

  /** Forgets a program or a state; quiet when the worker is gone, and they with it. */
  async drop(what: Extract<Request, { readonly kind: 'drop' }>): Promise<void> {
    if (this.#closed === undefined) await this.call(what);
  }

  /** Lets calls in flight finish, then ends the worker. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#closed !== undefined) return;
    const answered = this.call({ kind: 'end' });
    this.#closed = new FreebindError('FREEBIND_CLOSED', 'The tfjs backend is closed; open another one.');
    await answered.catch(() => undefined); // a worker that fails on its way out has ended too
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    // While it ends, the worker is waited for: unreferenced, node may exit before `close` settles.
    if (this.#pending.size === 0 && this.#closed === undefined) this.#worker.unref();
    if ('answer' in reply) pending?.resolve(reply.answer);
    else if (reply.missing) pending?.reject(unavailable(reply.error));
    else pending?.reject(failed('TensorFlow.js refused a call', reply.error));
  }

  #fail(what: string, cause?: unknown): void {
    this.#closed ??= failed(what, cause);
    for (const { reject } of this.#pending.values()) reject(this.#closed);
    this.#pending.clear();
  }
}

/** A program that is ready to run. */
export class OpenProgram {
  readonly #device: Device;
  readonly #id: number;

  constructor(device: Device, id: number) {
    this.#device = device;
    this.#id = id;
  }

  /** One run; the buffers of `feeds` leave this thread. Inputs that are not fed come from `states`. */
  async run(feeds: PackedByName, ...states: readonly State[]): Promise<PackedByName> {
    return this.runOn(undefined, feeds, ...states);
  }

  /** As `run`, with inputs that come from `spent` too, which is empty afterwards. */
  async runOn(spent: State | undefined, feeds: PackedByName, ...states: readonly State[]): Promise<PackedByName> {
    const run = this.#run(feeds, states, spent);
    return (await this.#device.call({ kind: 'run', ...run }, buffersOf(feeds))).outputs ?? {};
  }

  /** One run whose output `scores` is ranked in the worker. */
  rank(k: number, feeds: PackedByName, ...states: readonly State[]): Promise<Answer> {
    return this.#device.call({ kind: 'rank', k, ...this.#run(feeds, states) }, buffersOf(feeds));
  }

  async close(): Promise<void> {
    await this.#device.drop({ kind: 'drop', program: this.#id });
  }

  #run(feeds: PackedByName, states: readonly State[], spent?: State): Run {
    return { program: this.#id, feeds, states: states.map(({ id }) => id), spent: spent?.id };
  }
}

/** Tensors that live in the worker. */
export class State {
  readonly #device: Device;
  readonly id: number;

  constructor(device: Device, id: number) {
    this.#device = device;
    this.id = id;
  }

  /**
   * Gives the worker one more tensor, or another in the place of one. Its buffer leaves this thread, and comes back where the
   * runtime has a copy of its own: what is given in many parts, one after another, then takes the memory of one part.
   */
  async put(name: string, tensor: Packed & { readonly data: Float32Array }): Promise<Float32Array | undefined> {
    const call = { kind: 'put', state: this.id, name, tensor } as const;
    return (await this.#device.call(call, [tensor.data.buffer])).spare;
  }

  /** A copy of the tensors as they stand. */
  async copy(): Promise<PackedByName> {
    return (await this.#device.call({ kind: 'copy', state: this.id })).outputs ?? {};
  }

  async close(): Promise<void> {
    await this.#device.drop({ kind: 'drop', state: this.id });
  }
}

const buffersOf = (packed: PackedByName): readonly ArrayBufferLike[] => [
  ...new Set(Object.values(packed).map(({ data }) => data.buffer)),
];

const detailOf = (cause: unknown): string => (cause instanceof Error ? cause.message : 'of unknown cause');

function failed(what: string, cause?: unknown): FreebindError {
  const detail = cause === undefined ? '' : `: ${detailOf(cause)}`;
  return new FreebindError(
    'FREEBIND_BACKEND_FAILED',
    `${what}${detail}. Try the call again with a new backend and \`runtime: 'cpu'\`; if it fails there too, please report it.`,
    { cause },
  );
}

function unavailable(cause: unknown): FreebindError {
  return new FreebindError('FREEBIND_DEVICE_UNAVAILABLE', detailOf(cause), { cause });
}
