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

/** Takes a while to stop. */
const STOPS = `
import { Interrupt } from '${INTERRUPT}';
const interrupt = new Interrupt();
interrupt.listen((text) => console.log(text));
interrupt.signal.onabort = () => setTimeout(() => process.exit(interrupt.status), 500);
setInterval(() => undefined, 1000);
console.log('listens');
`;
/** Is told of a write that failed as it does on a terminal that is gone, and on a disk that fails. */
const afterFailedWrite = (isTerminal: boolean): string => `
import { run } from '${new URL('../dist/run.js', import.meta.url).href}';
process.stderr.isTTY = ${isTerminal};
const status = run(['models', 'list', '--json']);
process.stderr.emit('error', Object.assign(new Error('write EIO'), { code: 'EIO' }));
process.exitCode = await status;
`;

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
  ['SIGHUP', 'SIGTERM'],
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

test('a session that ends says so twice, and the work still has its time to stop', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', STOPS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (/listens|Ctrl-C again/.test(text)) child.kill('SIGHUP');
  });
  expect(await once(child, 'close')).toEqual([129, null]);
});

test.each([
  ['a terminal that is gone does not end the work', true, 0],
  ['a file that cannot be written on does', false, 1],
])('%s', async (_, isTerminal, status) => {
  const script = afterFailedWrite(isTerminal);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
  expect(await once(child, 'close')).toEqual([status, null]);
});
