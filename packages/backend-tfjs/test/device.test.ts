import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Backend, matrix, tableOf } from '@freebind/core';
import * as cpu from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../src/device.ts';
import tfjs, { startTfjs, type TfjsOptions } from '../src/index.ts';
import { Program } from '../src/program.ts';

const run = promisify(execFile);

/** y = x · x for x [n, n]. */
function square(): Program {
  const program = new Program();
  const x = program.input('x', ['n', 'n']);
  program.output('y', program.product(x, x));
  return program;
}

function turn(): Promise<string> {
  return new Promise((resolve) => {
    setImmediate(() => resolve('turn'));
  });
}

describe('the worker', () => {
  let device: Device;
  beforeAll(async () => {
    device = new Device();
    await device.start({ runtime: 'wasm', threads: 2 });
  });
  afterAll(() => device.close());

  test('leaves the event loop free while kernels run', async () => {
    const program = await device.open(square().compile());
    // The product takes far longer than ten turns of a free event loop; a blocked one would turn at most once before it.
    const done = program.run({ x: { shape: [1000, 1000], data: new Float32Array(1e6) } }).then(() => 'done');
    let turns = 0;
    while ((await Promise.race([done, turn()])) === 'turn') turns++;
    await program.close();
    expect(turns).toBeGreaterThan(10);
  });

  test('rejects what a kernel refuses with its reason, disposes what was made before it, and goes on', async () => {
    const before = await device.memory();
    const program = await device.open(square().compile());
    await expect(program.run({ x: { shape: [2, 3], data: new Float32Array(6) } })).rejects.toMatchObject({
      code: 'FREEBIND_BACKEND_FAILED',
      cause: expect.any(Error),
    });
    await expect(program.run({})).rejects.toThrow(/was not fed "x"/);
    const { y } = await program.run({ x: { shape: [1, 1], data: Float32Array.of(3) } });
    expect([...(y?.data ?? [])]).toEqual([9]);
    await program.close();
    expect(await device.memory()).toEqual(before);
  });

  test('says so when the memory of wasm is full, and goes on', async () => {
    const program = new Program();
    const x = program.input('x', [1, 32768]);
    program.output('y', program.sumOfRow(program.mul(program.reshape(x, [32768, 1]), x)));
    const opened = await device.open(program.compile());
    const before = await device.memory();
    const feeds = { x: { shape: [1, 32768], data: new Float32Array(32768) } };
    await expect(opened.run(feeds)).rejects.toThrow(/4 GiB at most/);
    expect(await device.memory()).toEqual(before);
    await opened.close();
    const small = await device.open(square().compile());
    expect((await small.run({ x: { shape: [1, 1], data: Float32Array.of(2) } }))['y']?.data[0]).toBe(4);
    await small.close();
  });

  test('rejects calls in flight, and later ones, when it dies', async () => {
    const dying = new Device(new URL('processes/dying-worker.js', import.meta.url));
    const program = await dying.open(square().compile());
    for (const call of [program.run({}), program.run({})]) {
      await expect(call).rejects.toMatchObject({
        code: 'FREEBIND_BACKEND_FAILED',
        cause: { message: 'the runtime is gone' },
      });
    }
    await expect(program.run({})).rejects.toMatchObject({ code: 'FREEBIND_BACKEND_FAILED' });
    await dying.close();
  });

  test.each(['close', 'leave open'])('lets the process end by itself: %s', async (ending) => {
    const script = fileURLToPath(new URL('processes/use-backend.js', import.meta.url));
    const { stdout } = await run(process.execPath, [script, ending], { timeout: 30_000 });
    expect(stdout.trim()).toBe('0.6,0.8');
  });
});

/** What a runtime is refused with that its package would bring. */
const missing = (name: string): unknown =>
  expect.objectContaining({
    code: 'FREEBIND_DEVICE_UNAVAILABLE',
    message: expect.stringContaining(`npm i @tensorflow/${name}@4.22.0`),
  });

describe('the tfjs backend', () => {
  test.each([
    { runtime: 'tpu' },
    { device: 'tpu' },
    { threads: 0 },
    { threads: 1.5 },
    { threads: 1e9 },
    { runtimes: 'wasm' },
  ])('refuses options that are none: %j', async (options) => {
    // As a config written in JavaScript may say.
    await expect(startTfjs(options as TfjsOptions)).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
  });

  test('by itself takes the first runtime that starts, and says why those before it did not', async () => {
    const backend = await startTfjs({ runtime: 'auto' });
    await backend.close();
    const before = backend.manifest.passedOver ?? [];
    const reasons = [/^node-gpu: .*npm i @tensorflow\/tfjs-node-gpu@/, /^webgpu: ./, /^node: ./, /^wasm: ./];
    expect(before).toEqual(reasons.slice(0, before.length).map((one) => expect.stringMatching(one)));
  });

  test('by itself writes nothing to the terminal, whatever it does not find', async () => {
    const script = fileURLToPath(new URL('processes/use-backend.js', import.meta.url));
    expect(await run(process.execPath, [script, 'close', 'auto'], { timeout: 60_000 })).toMatchObject({ stderr: '' });
  });

  test('names the line that installs a runtime where it is missing', async () => {
    // Where one is there, nothing is refused.
    const started = await Promise.allSettled([startTfjs({ runtime: 'node' }), startTfjs({ runtime: 'node-gpu' })]);
    for (const result of started) if (result.status === 'fulfilled') await result.value.close();
    const refused = started.map((result) => (result.status === 'rejected' ? result.reason : undefined));
    expect(refused).toEqual(['tfjs-node', 'tfjs-node-gpu'].map((name, i) => (refused[i] ? missing(name) : undefined)));
  });

  test('names its runtime and threads, and is a plugin that starts nothing by itself', async () => {
    expect(tfjs({ runtime: 'wasm' }).manifest).toEqual({
      apiVersion: 1,
      package: '@freebind/backend-tfjs',
      backends: ['tfjs'],
    });
    const backend = await startTfjs({ runtime: 'wasm', threads: 1 });
    expect(backend.manifest).toMatchObject({ id: 'tfjs', precision: 'float32', device: 'wasm, SIMD, 1 thread' });
    await backend.close();
  });

  test('leaves the tfjs of its host alone: backend, tensors, flags and globals', async () => {
    tf.enableProdMode(); // no advice on the terminal
    tf.registerBackend('of the host', () => new cpu.MathBackendCPU());
    await tf.setBackend('of the host');
    const tensor = tf.tensor1d([1, 2, 3]);
    const globals = Object.getOwnPropertyNames(globalThis);
    const before = { ...tf.memory(), flags: { ...tf.env().features }, backends: Object.keys(tf.engine().registry) };
    const backend = await startTfjs({ runtime: 'wasm', threads: 2 });
    await useAll(backend);
    await backend.close();
    expect(tf.getBackend()).toBe('of the host');
    expect([...tensor.dataSync()]).toEqual([1, 2, 3]);
    const after = { ...tf.memory(), flags: { ...tf.env().features }, backends: Object.keys(tf.engine().registry) };
    expect(after).toEqual(before);
    expect(Object.getOwnPropertyNames(globalThis)).toEqual(globals);
    tensor.dispose();
    tf.removeBackend('of the host');
  });
});

/** One call of everything that keeps tensors. */
async function useAll(backend: Backend): Promise<void> {
  const bank = await backend.openBank({ keys: tableOf(matrix(2, 1, Float32Array.of(2, 3))) });
  await bank.aggregate(matrix(1, 1, Float32Array.of(1)), 0.1);
  expect([...(await bank.scores(matrix(1, 1, Float32Array.of(3)))).data]).toEqual([6, 9]);
  await bank.topK(matrix(1, 1, Float32Array.of(3)), 1);
  await bank.close();
}
