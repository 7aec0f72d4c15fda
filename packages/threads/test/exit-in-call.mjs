// Ends while a thread's native code runs: by process.exit(7), or by an error that nobody catches.
import { openWorker } from '../dist/index.js';

// A worker's port has no origin to name.
/* oxlint-disable unicorn/require-post-message-target-origin */
const worker = openWorker(new URL('native-thread.mjs', import.meta.url));
worker.postMessage('first');
setTimeout(() => {
  worker.postMessage('later');
  if (process.argv[2] === 'exit') process.exit(7);
  throw new Error('of the program');
}, 300);
