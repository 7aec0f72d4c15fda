import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { FreebindError, type FreebindErrorCode } from '@freebind/core';
import { openWorker } from './open-worker.ts';

/** What threads run, and how many there are at most. */
export interface ThreadPoolOptions {
  /** A module that runs as it is (`builtModule`); what it exports is called by name. */
  readonly module: URL;
  /** Most threads. Default: one a core. */
  readonly size?: number | undefined;
  /**
   * Calls that a thread has at a time. Default 1. With more it goes on with the next while one waits for something outside it, such as a
   * decoder's own threads, and need not wait for this one to hand it the next.
   */
  readonly depth?: number;
  /** What is closed, for messages: “the space "imagebind"”. */
  readonly owner?: string;
}

export interface CallOptions {
  /** Takes a call that waits out of the line; one that runs is left to end unheard. */
  readonly signal?: AbortSignal | undefined;
  /** Memory of arguments that moves to the thread and is not copied (`buffersIn`). */
  readonly transfer?: readonly ArrayBuffer[];
}

/** The export condition under which the packages are run from their sources. */
const SOURCES = '@freebind/source';

/** A function of the module as seen from outside. */
type Called<F> = F extends (...args: infer Args) => infer Result
  ? { readonly args: Args; readonly result: Awaited<Result> }
  : never;

interface Job {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly transfer: readonly ArrayBuffer[];
  /** Takes the module's own answer. */
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

/** What a thread sends back. */
type Reply = { readonly call: number } & ({ readonly value: unknown } | { readonly error: PortableError });
interface PortableError {
  readonly message: string;
  readonly name?: string;
  readonly stack?: string;
  readonly code?: unknown;
}

/**
 * Threads that run the functions a module exports: `new ThreadPool<typeof import('./work.ts')>(…)`. They start when there is a
 * call for them, take one at a time (or `depth`), in order, and do not keep the process alive while they have none. A thread that dies
 * (out of memory, say) takes its calls with it and no other.
 */
export class ThreadPool<Functions extends object> {
  readonly #options: ThreadPoolOptions;
  readonly #size: number;
  readonly #depth: number;
  readonly #waiting: Job[] = [];
  /** What each thread has to do, by the numbers of the calls. */
  readonly #threads = new Map<Worker, Map<number, Job>>();
  #calls = 0;
  #closed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#size = Math.max(options.size ?? availableParallelism(), 1);
    this.#depth = options.depth ?? 1;
  }

  /**
   * The result of one of the module's functions. Arguments are copied, results are moved.
   *
   * @throws what the function throws (of its own classes only `FreebindError` survives the way), FREEBIND_ABORTED FREEBIND_CLOSED
   */
  call<Name extends string & keyof Functions>(
    name: Name,
    args: Called<Functions[Name]>['args'],
    { signal, transfer = [] }: CallOptions = {},
  ): Promise<Called<Functions[Name]>['result']> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closedError());
      if (signal?.aborted === true) return reject(aborted(signal));
      const job: Job = { name, args, transfer, resolve: done, reject: failed };
      const onAbort = (): void => {
        const place = this.#waiting.indexOf(job);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(aborted(signal));
      };
      // Of the eleventh call with one signal Node would warn as of a leak.
      if (signal !== undefined) setMaxListeners(0, signal);
      signal?.addEventListener('abort', onAbort, { once: true });
      function done(value: Called<Functions[Name]>['result']): void {
        signal?.removeEventListener('abort', onAbort);
        resolve(value);
      }
      function failed(reason: unknown): void {
        signal?.removeEventListener('abort', onAbort);
        reject(reason);
      }
      this.#waiting.push(job);
      this.#start();
    });
  }

  /**
   * Ends the threads and gives their memory back; calls that run fail with FREEBIND_CLOSED at once, their threads end when the
   * calls have ended, and later ones start new threads.
   */
  async drop(): Promise<void> {
    const threads = [...this.#threads];
    this.#threads.clear();
    for (const [, jobs] of threads) for (const job of jobs.values()) job.reject(this.#closedError());
    await Promise.all(threads.map(([worker, jobs]) => endAfter(worker, jobs.size)));
  }

  /** As `drop`, for good, and for calls that wait. Calling it twice is quiet. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(this.#closedError());
    await this.drop();
  }

  /** Gives waiting calls to threads that may have one more. */
  #start(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#free();
      const job = thread === undefined ? undefined : this.#waiting.shift();
      if (thread === undefined || job === undefined) return;
      const [worker, jobs] = thread;
      const call = this.#calls++;
      jobs.set(call, job);
      worker.ref();
      try {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
        worker.postMessage({ call, name: job.name, args: job.args }, job.transfer);
      } catch (error) {
        // An argument that cannot be sent.
        this.#settle(worker, call, (one) => one.reject(error));
      }
    }
  }

  /** The thread with the least to do, or a new one where all have something and there may be more; undefined where all have enough. */
  #free(): readonly [Worker, Map<number, Job>] | undefined {
    const [least] = [...this.#threads].sort(([, a], [, b]) => a.size - b.size);
    if (least !== undefined && (least[1].size === 0 || this.#threads.size >= this.#size))
      return least[1].size < this.#depth ? least : undefined;
    const made = [this.#open(), new Map<number, Job>()] as const;
    this.#threads.set(...made);
    return made;
  }

  #open(): Worker {
    const { module } = this.#options;
    // Threads run builds (`builtModule`), also where the program is run from the sources. Flags are not told otherwise: a thread has the
    // program's, and cannot be started with those of the whole process, such as V8's.
    const fromSources = process.execArgv.some((flag) => flag.includes(SOURCES));
    const worker = openWorker(new URL('./thread.js', import.meta.url), {
      workerData: { module: module.href },
      ...(fromSources && { execArgv: process.execArgv.map((flag) => flag.replace(SOURCES, 'default')) }),
    });
    worker.unref();
    worker.on('message', (reply: Reply) =>
      this.#settle(worker, reply.call, (job) =>
        'error' in reply ? job.reject(revived(reply.error)) : job.resolve(reply.value as never),
      ),
    );
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('The thread ended.')));
    return worker;
  }

  #settle(worker: Worker, call: number, how: (job: Job) => void): void {
    const jobs = this.#threads.get(worker);
    const job = jobs?.get(call);
    if (jobs === undefined || job === undefined) return;
    jobs.delete(call);
    if (jobs.size === 0) worker.unref();
    how(job);
    this.#start();
  }

  #lose(worker: Worker, reason: unknown): void {
    const jobs = this.#threads.get(worker);
    this.#threads.delete(worker);
    for (const job of jobs?.values() ?? []) job.reject(reason);
    this.#start();
  }

  #closedError(): FreebindError {
    const { owner = 'what it belongs to' } = this.#options;
    return new FreebindError('FREEBIND_CLOSED', `A thread's work was cut off: ${owner} was closed or dropped.`);
  }
}

/** Ends a thread after its last `calls` answers, not in the midst of them: native code that is cut off takes the whole process with it. */
async function endAfter(worker: Worker, calls: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let left = calls;
    if (left === 0) resolve();
    worker.on('message', () => --left === 0 && resolve());
    // One that dies has no answer.
    worker.once('exit', () => resolve());
  });
  await worker.terminate();
}

function aborted(signal: AbortSignal | undefined): FreebindError {
  return new FreebindError('FREEBIND_ABORTED', 'The work was stopped.', { cause: signal?.reason });
}

function revived({ name, message, stack, code }: PortableError): Error {
  // The codes of core's errors, as the thread had them.
  if (name === 'FreebindError') return new FreebindError(code as FreebindErrorCode, message);
  return Object.assign(new Error(message), {
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
  });
}
