import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openWorker } from '../src/index.ts';

const program = fileURLToPath(new URL('exit-in-call.mjs', import.meta.url));

test.each([
  ['exit', 7],
  ['error', 1],
])('the end of the process waits for native code, and no more begins: %s', (kind, status) => {
  const ended = spawnSync(process.execPath, [program, kind], { encoding: 'utf8', timeout: 30_000 });
  expect(ended).toMatchObject({ status, stdout: 'begun ended ' });
});

test('threads share one listener, which goes with the last of them', async () => {
  const before = process.listenerCount('exit');
  const script = new URL('native-thread.mjs', import.meta.url);
  const workers = Array.from({ length: 12 }, () => openWorker(script));
  expect(process.listenerCount('exit')).toBe(before + 1);
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(process.listenerCount('exit')).toBe(before);
});
