import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { matrix, tableOf } from '@freebind/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import onnx, { type OnnxOptions, startOnnx } from '../src/index.ts';
import { Graph } from '../src/graph.ts';
import { Sessions } from '../src/sessions.ts';

const CPU = { device: 'cpu', threads: 1 } as const;
const run = promisify(execFile);

/** y = x · x for x [n, n]. */
function square(): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', ['n', 'n']);
  graph.output('y', graph.gemm(x, x));
  return graph.encode();
}

function turn(): Promise<string> {
  return new Promise((resolve) => {
    setImmediate(() => resolve('turn'));
  });
}

describe('sessions', () => {
  test('leave the event loop free while onnxruntime works', async () => {
    const sessions = new Sessions(CPU);
    const session = await sessions.open(square());
    const x = { type: 'float32', dims: [1500, 1500], data: new Float32Array(1500 * 1500) } as const;
    // The product takes far longer than ten turns of a free event loop; a blocked one would turn at most once before it.
    const done = session.run({ x }).then(() => 'done');
    let turns = 0;
    while ((await Promise.race([done, turn()])) === 'turn') turns++;
    await done;
    await sessions.close();
    expect(turns).toBeGreaterThan(10);
  });

  test('reject what onnxruntime refuses with its reason, and go on', async () => {
    const sessions = new Sessions(CPU);
    await expect(sessions.open(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
      code: 'FREEBIND_BACKEND_FAILED',
      cause: expect.any(Error),
    });
    const session = await sessions.open(square());
    const x = { type: 'float32', dims: [2, 3], data: new Float32Array(6) } as const;
    await expect(session.run({ x })).rejects.toMatchObject({ code: 'FREEBIND_BACKEND_FAILED' });
    const y = await session.run({ x: { type: 'float32', dims: [1, 1], data: Float32Array.of(3) } });
    expect([...(y.outputs['y']?.data ?? [])]).toEqual([9]);
    await sessions.close();
  });

  test('reject calls in flight, and later ones, when the worker dies', async () => {
    const sessions = new Sessions(CPU, new URL('processes/dying-worker.js', import.meta.url));
    const session = await sessions.open(square());
    const inFlight = [session.run({}), session.run({})];
    for (const call of inFlight) {
      await expect(call).rejects.toMatchObject({
        code: 'FREEBIND_BACKEND_FAILED',
        cause: { message: 'the runtime is gone' },
      });
    }
    await expect(session.run({})).rejects.toMatchObject({ code: 'FREEBIND_BACKEND_FAILED' });
    await sessions.close();
  });

  test.each(['close', 'leave open'])('let the process end by itself: %s', async (ending) => {
    const script = fileURLToPath(new URL('processes/use-backend.js', import.meta.url));
    const { stdout } = await run(process.execPath, [script, ending], { timeout: 30_000 });
    expect(stdout.trim()).toBe('0.6,0.8');
  });

  test('let the process end with the status it asks for while a graph runs, and run nothing more', async () => {
    const script = fileURLToPath(new URL('processes/exit-in-run.js', import.meta.url));
    const ended = await run(process.execPath, [script], { timeout: 30_000 }).catch((error: unknown) => error);
    expect(ended).toMatchObject({ code: 7, stdout: '', stderr: '' });
  });

  test('let onnxruntime keep nothing to report, nor read a command line of any length', async () => {
    const script = fileURLToPath(new URL('processes/use-backend.js', import.meta.url));
    const home = mkdtempSync(join(tmpdir(), 'freebind-onnx-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const env = { ...process.env, HOME: home, XDG_CACHE_HOME: home, ORT_DISABLE_TELEMETRY: undefined };
    // One argument is at most 128 KiB.
    await run(process.execPath, [script, 'close', 'x'.repeat(100_000)], { env, timeout: 30_000 });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('the onnx backend', () => {
  test.each([
    [{ device: 'tpu' }, '"cuda"'],
    [{ threads: 0 }, 'threads is 0'],
    [{ threads: 1.5 }, 'threads is 1.5'],
    [{ threads: 1e9 }, 'threads is 1000000000'],
    [{ thread: 2 }, 'did you mean "threads"?'],
    [{ runtime: 'cpu' }, 'Its options are device, threads.'],
  ])('refuses options that are none: %j', async (options, words) => {
    // As a config written in JavaScript may say.
    await expect(startOnnx(options as OnnxOptions)).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: expect.stringContaining(words),
    });
  });

  test('says what to do when a device is not there', async () => {
    // Where it is there, nothing is refused.
    const started = await Promise.allSettled([startOnnx({ device: 'cuda' }), startOnnx({ device: 'webgpu' })]);
    for (const result of started) if (result.status === 'fulfilled') await result.value.close();
    const refused = started.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    const code = 'FREEBIND_DEVICE_UNAVAILABLE';
    expect(refused).toEqual(
      refused.map(() => expect.objectContaining({ code, message: expect.stringContaining("device: 'cpu'") })),
    );
  });

  test('names its device and threads, and is a plugin that starts nothing by itself', async () => {
    expect(onnx({ threads: 1 }).manifest).toEqual({
      apiVersion: 1,
      package: '@freebind/backend-onnx',
      backends: ['onnx'],
    });
    const backend = await startOnnx({ threads: 1 });
    expect(backend.manifest).toMatchObject({ id: 'onnx', precision: 'float32', device: 'cpu, 1 thread' });
    const runner = await backend.openBank({ keys: tableOf(matrix(1, 1, Float32Array.of(2))) });
    expect([...(await runner.scores(matrix(1, 1, Float32Array.of(3)))).data]).toEqual([6]);
    await backend.close();
  });
});
