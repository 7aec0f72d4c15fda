// The thread's side of `openWorker`. Plain JavaScript, as the scripts of threads are.
import { workerData } from 'node:worker_threads';

/** Bit of the gate that `openWorker` sets when the process ends; above it is the number of calls that run. */
const CLOSED = 1;
const ONE_CALL = 2;

/**
 * Runs native code in a thread of `openWorker`: the end of the process waits for it, and from then on nothing more begins.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} its result; never, where the process ends
 */
export async function native(work) {
  /** @type {Int32Array} */
  const gate = workerData.gate;
  try {
    if ((Atomics.add(gate, 0, ONE_CALL) & CLOSED) === 0) return await work();
  } finally {
    Atomics.sub(gate, 0, ONE_CALL);
    Atomics.notify(gate, 0);
  }
  return new Promise(() => undefined);
}
