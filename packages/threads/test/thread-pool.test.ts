import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FreebindError } from '@freebind/core';
import { expect, onTestFinished, test } from 'vitest';
import { buffersIn, builtModule, ThreadPool } from '../src/index.ts';

interface Work {
  square(x: number): number;
  wait(ms: number): Promise<number>;
  setAfter(ms: number, flag: Int32Array): Promise<void>;
  double(numbers: Float32Array): { numbers: Float32Array; part: Float32Array };
  refuse(): void;
  fail(): void;
  die(): void;
}

function open(size: number): ThreadPool<Work> {
  const pool = new ThreadPool<Work>({ module: new URL('./work.mjs', import.meta.url), size, owner: 'the test' });
  onTestFinished(() => pool.close());
  return pool;
}

test('answers calls in any number, each with its own result', async () => {
  const pool = open(2);
  const squares = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.call('square', [i])));
  expect(squares).toEqual(Array.from({ length: 20 }, (_, i) => i * i));
});

test('uses as many threads as it may, and no more', async () => {
  const pool = open(2);
  const ids = await Promise.all(Array.from({ length: 6 }, () => pool.call('wait', [30])));
  expect(new Set(ids).size).toBe(2);
});

test('gives a thread as many calls at a time as it may have, and each its own answer', async () => {
  const pool = new ThreadPool<Work>({ module: new URL('./work.mjs', import.meta.url), size: 1, depth: 2 });
  onTestFinished(() => pool.close());
  const done: string[] = [];
  const call = async (name: string, ms: number): Promise<void> => {
    await pool.call('wait', [ms]);
    done.push(name);
  };
  // The third waits for one of the first two, which wait side by side.
  await Promise.all([call('long', 1000), call('short', 20), call('next', 20)]);
  expect(done).toEqual(['short', 'next', 'long']);
});

test('takes many calls with one signal without a warning of leaks', async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const pool = open(2);
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 12 }, (_, i) => pool.call('square', [i], { signal })));
  expect(warnings).toEqual([]);
});

test('starts threads also in a process with flags that no thread takes', () => {
  const program = fileURLToPath(new URL('square-in-thread.mjs', import.meta.url));
  const flags = ['--max-old-space-size=1000', '--expose-gc'];
  const { stdout } = spawnSync(process.execPath, [...flags, program], { encoding: 'utf8' });
  expect(stdout).toBe('9\n');
});

test('leaves the arguments as they are, and gives parts of arrays as parts', async () => {
  const numbers = Float32Array.of(1, 2, 3);
  const { numbers: doubled, part } = await open(1).call('double', [numbers]);
  expect([...numbers, ...doubled, ...part]).toEqual([1, 2, 3, 2, 4, 6, 2, 3]);
});

test('moves what it is told to move', async () => {
  const numbers = Float32Array.of(1, 2);
  await open(1).call('double', [numbers], { transfer: [numbers.buffer] });
  expect(numbers.length).toBe(0);
});

test('fails a call whose arguments have moved elsewhere, also while it waited, and goes on', async () => {
  const pool = open(1);
  const numbers = Float32Array.of(1, 2);
  const [, again] = await Promise.allSettled(
    [1, 2].map(() => pool.call('double', [numbers], { transfer: buffersIn(numbers) })),
  );
  expect(again).toMatchObject({ status: 'rejected', reason: { message: 'Unable to deserialize cloned data.' } });
  await expect(pool.call('square', [2])).resolves.toBe(4);
});

test('hands on errors of freebind with their code, and others with theirs', async () => {
  const pool = open(1);
  await expect(pool.call('refuse', [])).rejects.toBeInstanceOf(FreebindError);
  await expect(pool.call('refuse', [])).rejects.toMatchObject({
    code: 'FREEBIND_FILE_INVALID',
    message: 'It is damaged.',
  });
  await expect(pool.call('fail', [])).rejects.toMatchObject({ code: 'FAR', message: 'too far' });
});

test('loses one call with a thread that ends, and starts another for the next', async () => {
  const pool = open(1);
  const [dead, alive] = await Promise.allSettled([pool.call('die', []), pool.call('square', [3])]);
  expect(dead).toMatchObject({ status: 'rejected', reason: { message: 'The thread ended.' } });
  expect(alive).toEqual({ status: 'fulfilled', value: 9 });
});

test('refuses what cannot be sent, and goes on', async () => {
  const pool = open(1);
  // A function is no number, and cannot be copied to a thread.
  await expect(pool.call('square', [(() => 0) as unknown as number])).rejects.toThrow('could not be cloned');
  await expect(pool.call('square', [2])).resolves.toBe(4);
});

test('says why a module does not load', async () => {
  const pool = new ThreadPool<Work>({ module: new URL('./absent.mjs', import.meta.url), size: 1 });
  await expect(pool.call('square', [2])).rejects.toThrow('absent.mjs');
});

test('takes a waiting call out of the line when its signal says so, and lets a running one end unheard', async () => {
  const pool = open(1);
  const controller = new AbortController();
  const calls = [1, 2].map(() => pool.call('wait', [50], { signal: controller.signal }));
  setTimeout(() => controller.abort(), 10);
  const settled = await Promise.allSettled(calls);
  expect(settled).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'FREEBIND_ABORTED' } })));
  await expect(pool.call('square', [5])).resolves.toBe(25);
  await expect(pool.call('square', [5], { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'FREEBIND_ABORTED',
  });
});

test('drops its threads and starts new ones', async () => {
  const pool = open(1);
  const running = Promise.allSettled([pool.call('wait', [50])]);
  await pool.drop();
  expect(await running).toMatchObject([{ status: 'rejected', reason: { code: 'FREEBIND_CLOSED' } }]);
  await expect(pool.call('square', [4])).resolves.toBe(16);
});

test('ends no thread in the midst of a call, and tells its caller at once', async () => {
  const pool = open(1);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const call = pool.call('setAfter', [100, flag]).catch(() => flag[0]);
  const dropped = pool.drop();
  expect(await call).toBe(0);
  await dropped;
  expect(flag[0]).toBe(1);
});

test('leaves no call hanging when it closes, closes twice quietly and refuses what comes after', async () => {
  const pool = open(1);
  const calls = Promise.allSettled([1, 2, 3].map(() => pool.call('wait', [50])));
  await pool.close();
  await pool.close();
  expect(await calls).toMatchObject([1, 2, 3].map(() => ({ status: 'rejected', reason: { code: 'FREEBIND_CLOSED' } })));
  await expect(pool.call('square', [1])).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
});

test("names a module's build from the sources, and itself from the build", () => {
  expect(builtModule('./work.js', 'file:///src/x/packages/a/src/b.ts').pathname).toBe('/src/x/packages/a/dist/work.js');
  expect(builtModule('./work.js', 'file:///src/x/a/dist/b.js').pathname).toBe('/src/x/a/dist/work.js');
});
