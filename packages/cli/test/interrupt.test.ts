import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const INTERRUPT = new URL('../dist/interrupt.js', import.meta.url).href;
/** Hears a first signal, and then never comes back to its event loop. */
const BUSY = `
import { writeSync } from 'node:fs';
import { Interrupt } from '${INTERRUPT}';
new Interrupt().listen((text) => {
  writeSync(1, text);
  for (;;);
});
setInterval(() => undefined, 1000);
writeSync(1, 'listens');
`;

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
] as const)('after %s, %s ends the process at once, whatever it is at', async (first, second) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', BUSY], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('listens')) child.kill(first);
    if (text.includes('Ctrl-C again')) child.kill(second);
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 4000);
  expect(await once(child, 'close')).toEqual([null, second]);
  clearTimeout(late);
});
