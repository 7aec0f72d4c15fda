// Answers the first call and dies of the second, as a worker does whose runtime crashed.
import { parentPort } from 'node:worker_threads';

let calls = 0;
parentPort?.on('message', ({ id }) => {
  if (++calls > 1) throw new Error('the runtime is gone');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin to name
  parentPort?.postMessage({ id, answer: {} });
});
