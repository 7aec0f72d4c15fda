// A thread that says when its native code begins and has ended: of as many calls as it is sent.
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { native } from '../dist/native.js';

parentPort?.on('message', () => {
  void native(async () => {
    writeSync(1, 'begun ');
    await setTimeout(500);
    writeSync(1, 'ended ');
  });
});
