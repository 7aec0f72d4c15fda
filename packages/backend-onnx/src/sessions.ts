import type { Worker } from 'node:worker_threads';
import { FreebindError } from '@freebind/core';
import { openWorker } from '@freebind/threads';
import type { Call, Placement, PackedByName, Reply, Request, Window, Windows } from './session-protocol.ts';

interface Pending {
  readonly resolve: (reply: { readonly outputs: PackedByName; readonly feeds?: PackedByName }) => void;
  readonly reject: (error: unknown) => void;
}

/** onnxruntime sessions and states in a worker thread. The worker keeps the process alive only while calls are in flight. */
export class Sessions {
  readonly #placement: Placement;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #names = 0;
  /** Why no more calls are taken, if so. */
  #closed: FreebindError | undefined;
  #closing: Promise<void> | undefined;

  constructor(placement: Placement, script = new URL('./session-worker.js', import.meta.url)) {
    this.#placement = placement;
    // onnxruntime would report to its makers, and on its way there a long command line overflows a thread's stack. It reads the
    // environment of the process, of which a thread has but a copy.
    process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
    this.#worker = openWorker(script, { name: 'onnxruntime' });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#fail('The thread that runs onnxruntime failed', cause));
    this.#worker.on('exit', (code) => this.#fail(`The thread that runs onnxruntime ended with code ${code}`));
  }

  /**
   * Prepares a model to be run. One that is not to keep its memory between runs is for large and rare ones.
   * @throws FREEBIND_BACKEND_FAILED when onnxruntime refuses it
   */
  async open(model: Uint8Array, { keepsMemory = true } = {}): Promise<Session> {
    const session = ++this.#names;
    await this.call({ kind: 'open', session, model, placement: this.#placement, keepsMemory }, [model.buffer]);
    return new Session(this, session);
  }

  /** Gives tensors to the worker, to be fed to runs and replaced by them. The tensors' buffers leave this thread. */
  async keep(tensors: PackedByName): Promise<State> {
    const state = ++this.#names;
    await this.call({ kind: 'keep', state, tensors }, buffersOf(tensors));
    return new State(this, state);
  }

  /** Sends one request; `transfer` leaves this thread. @throws FREEBIND_CLOSED FREEBIND_BACKEND_FAILED */
  call(request: Request, transfer: readonly ArrayBufferLike[] = []): Promise<Parameters<Pending['resolve']>[0]> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
      const call: Call = { ...request, id };
      // Nothing here is a SharedArrayBuffer: onnxruntime takes none.
      this.#worker.postMessage(call, transfer as readonly ArrayBuffer[]);
    });
  }

  /** Forgets a session or a state; quiet when the worker is gone, and they with it. */
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
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    const answered = this.call({ kind: 'end' });
    this.#closed = new FreebindError('FREEBIND_CLOSED', 'The onnx backend is closed; open another one.');
    await answered.catch(() => undefined); // a worker that fails on its way out has ended too
    await ended;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    // While it ends, the worker is waited for: unreferenced, node may exit before `close` settles.
    if (this.#pending.size === 0 && this.#closed === undefined) this.#worker.unref();
    if ('error' in reply) pending?.reject(failed('onnxruntime refused a call', reply.error));
    else pending?.resolve(reply);
  }

  #fail(what: string, cause?: unknown): void {
    this.#closed ??= failed(what, cause);
    for (const { reject } of this.#pending.values()) reject(this.#closed);
    this.#pending.clear();
  }
}

/** A model that is ready to run. */
export class Session {
  readonly #sessions: Sessions;
  readonly #id: number;

  constructor(sessions: Sessions, id: number) {
    this.#sessions = sessions;
    this.#id = id;
  }

  /**
   * One run. The buffers of `feeds` leave this thread and come back in the answer; with `state`, the state is fed
   * too, and replaced; `windows` are read and written where they lie.
   */
  run(feeds: PackedByName, state?: State, windows: Windows = {}): ReturnType<Sessions['call']> {
    const request: Request = { kind: 'run', session: this.#id, feeds, windows, ...(state && { state: state.id }) };
    return this.#sessions.call(request, buffersOf(feeds));
  }

  async close(): Promise<void> {
    await this.#sessions.drop({ kind: 'drop', session: this.#id });
  }
}

/** Tensors that live in the worker. */
export class State {
  readonly #sessions: Sessions;
  readonly id: number;

  constructor(sessions: Sessions, id: number) {
    this.#sessions = sessions;
    this.id = id;
  }

  /** Rows of one of the tensors, for a run to read or to write. */
  rows(tensor: string, start: number, end: number): Window {
    return { state: this.id, tensor, start, end };
  }

  /** A copy of the tensors as they stand. */
  async copy(): Promise<PackedByName> {
    return (await this.#sessions.call({ kind: 'copy', state: this.id })).outputs;
  }

  async close(): Promise<void> {
    await this.#sessions.drop({ kind: 'drop', state: this.id });
  }
}

const buffersOf = (packed: PackedByName): readonly ArrayBufferLike[] => [
  ...new Set(Object.values(packed).map(({ data }) => data.buffer)),
];

function failed(what: string, cause: unknown): FreebindError {
  const detail = cause instanceof Error ? `: ${cause.message}` : '';
  return new FreebindError(
    'FREEBIND_BACKEND_FAILED',
    `${what}${detail}. Try the call again with a new backend on device "cpu"; if it fails there too, please report it.`,
    { cause },
  );
}
