// A thread of a pool: it runs the functions of one module as it is called, and answers as they are done. Plain JavaScript, so that node
// starts the very same file from the sources and from the published package.
import { parentPort, workerData } from 'node:worker_threads';
import { buffersIn } from './buffers-in.js';

/** @type {Readonly<Record<string, (...args: readonly unknown[]) => unknown>>} */
const functions = await import(workerData.module);

/** @param {{ readonly call: number, readonly name: string, readonly args: readonly unknown[] }} request */
async function reply({ call, name, args }) {
  // A worker's port has no origin to name.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  try {
    const value = await functions[name]?.(...args);
    parentPort?.postMessage({ call, value }, buffersIn(value));
  } catch (error) {
    parentPort?.postMessage({ call, error: portable(error) });
  }
  /* oxlint-enable unicorn/require-post-message-target-origin */
}

/**
 * An error as it can be sent: classes and codes of their own do not survive.
 *
 * @param {unknown} error
 */
function portable(error) {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  return { name, message, stack, ...('code' in error && { code: error.code }) };
}

parentPort?.on('message', (request) => {
  void reply(request);
});
// Memory that had moved elsewhere before it was told to move here. Which call it was for cannot be read, so all of this thread's fail.
parentPort?.on('messageerror', (error) => {
  throw error;
});
