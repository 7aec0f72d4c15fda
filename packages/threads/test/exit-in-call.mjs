// Ends while a thread's native code runs: by process.exit(7), or by an error that nobody catches.
import { openWorker } from '../dist/index.js';

const worker = openWorker(new URL('native-thread.mjs', import.meta.url));
worker.once('message', () => {
  if (process.argv[2] === 'exit') process.exit(7);
  throw new Error('of the program');
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
worker.postMessage('begin');
