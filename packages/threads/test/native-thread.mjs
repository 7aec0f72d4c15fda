// A thread that, when it is told to, runs native code, as it were, twice, and says when that begins and has ended.
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { native } from '../dist/native.js';

async function work() {
  writeSync(1, 'begun ');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
  parentPort?.postMessage('begun');
  await setTimeout(500);
  writeSync(1, 'ended ');
}

parentPort?.on('message', () => {
  void native(work).then(() => native(work));
});
