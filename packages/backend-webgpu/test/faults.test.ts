import { matrix, type Table, tableOf } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { Device } from '../src/device.ts';
import { OutOfMemory } from '../src/device-errors.ts';
import { Memory } from '../src/memory.ts';
import { COPY_TARGET, STORAGE } from '../src/usage.ts';
import { WebgpuBackend } from '../src/webgpu-backend.ts';
import { WatchedGpu } from './watched-gpu.ts';
import { orReason, rows, training } from './training.ts';

const failed = (message: RegExp) => ({ code: 'FREEBIND_BACKEND_FAILED', message: expect.stringMatching(message) });
/** One layer: every backend compiles its kernels anew, which takes a device in software most of its time. */
const small = () => training([{ kind: 'linear', name: '0', input: 6, output: 4 }]);
const step = { rows: Int32Array.from({ length: 10 }, (_, r) => r), learningRate: 1e-3 };

describe('a fault of the device', () => {
  test('when it is lost, ends every call with FREEBIND_BACKEND_FAILED, those in flight too, and a new backend works', async ({
    skip,
  }) => {
    const gpu = new WatchedGpu();
    const backend = await orReason(WebgpuBackend.start({}, gpu));
    if (typeof backend === 'string') return skip(backend);
    const trainer = await backend.openTrainer(small());
    const bank = await backend.openBank({ keys: tableOf(rows(9, 6, 'bank')) });
    await trainer.step(step);
    const inFlight = [trainer.step(step), trainer.step(step), bank.topK(rows(3, 6, 'queries'), 2)];
    gpu.device.destroy();
    // Nothing of them was submitted yet, as each waits for something first.
    expect(await Promise.allSettled(inFlight)).toEqual(
      inFlight.map(() => ({ status: 'rejected', reason: expect.objectContaining(failed(/was lost/)) })),
    );
    const { networks } = small();
    for (const call of [
      () => trainer.step(step),
      () => trainer.snapshot(),
      () => bank.aggregate(rows(3, 6, 'queries'), 0.1),
      () => backend.combine([{ rows: matrix(1, 2), factor: 1 }]),
      () => backend.openProjector(Object.values(networks)),
      () => backend.openTrainer(small()),
    ])
      await expect(call()).rejects.toMatchObject(failed(/was lost.*Start a new backend/));
    await trainer.close();
    await backend.close();
    await backend.close();
    await expect(trainer.step(step)).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
    expect(gpu.buffers.size).toBe(0);

    const another = await WebgpuBackend.start({}, gpu);
    const { data } = await another.combine([{ rows: matrix(1, 2, Float32Array.of(3, 4)), factor: 1 }]);
    expect(data[0]).toBeCloseTo(0.6);
    await another.close();
  });

  test('when it has no memory left, is FREEBIND_BACKEND_FAILED that says what to make smaller, and work goes on', async ({
    skip,
  }) => {
    const device = await orReason(Device.open(new WatchedGpu(), 'high-performance'));
    if (typeof device === 'string') return skip(device);
    // Nothing is written to them, so on most systems nothing is taken.
    const greedy = device.guard('A greedy test', () => {
      for (let i = 0; i < 64; i++) device.createBuffer('greedy', device.largestBinding, STORAGE | COPY_TARGET);
    });
    const refused = await greedy.then(
      () => false,
      () => true,
    );
    if (!refused) return skip(`${device.name} grants memory that the machine has not`);
    await expect(greedy).rejects.toBeInstanceOf(OutOfMemory);
    await expect(greedy).rejects.toMatchObject(failed(/more memory than the device has.*smaller batch/));
    device.close();
  });

  test('for what one binding cannot cover, is FREEBIND_BACKEND_FAILED before anything is allocated', async ({
    skip,
  }) => {
    const gpu = new WatchedGpu();
    const backend = await orReason(WebgpuBackend.start({ residentMiB: 0 }, gpu));
    if (typeof backend === 'string') return skip(backend);
    // A batch of 2²⁰ rows of 4,096 columns takes 16 GiB.
    const wide: Table = { ...tableOf(matrix(1, 4096)), rows: 2 ** 20 };
    const options = {
      ...small(),
      networks: {},
      tables: { x: wide, y: wide },
      objective: { pairs: [{ left: { table: 'x' }, right: { table: 'y' } }], temperature: { initial: 0.1 } },
      batch: 2 ** 20,
    };
    await expect(backend.openTrainer(options)).rejects.toMatchObject(failed(/16384 MiB.*smaller batch/));
    expect(backend.allocated.buffers).toBe(0);
    await backend.close();
  });

  test('when it refuses a call or a kernel, is FREEBIND_BACKEND_FAILED with what it said', async ({ skip }) => {
    const device = await orReason(Device.open(new WatchedGpu(), 'high-performance'));
    if (typeof device === 'string') return skip(device);
    await expect(
      device.guard('A careless test', () => device.createBuffer('odd', 16, 0xffff_0000)),
    ).rejects.toMatchObject({ ...failed(/^A careless test failed \(/), cause: expect.anything() });
    await expect(
      device.guard('A test that throws', () => {
        throw new TypeError('of its own');
      }),
    ).rejects.toMatchObject(failed(/of its own/));
    await expect(device.pipeline({ label: 'nonsense', source: '@compute fn main(' })).rejects.toMatchObject(
      failed(/Compiling the kernel "nonsense".* failed \(/),
    );
    // And nothing of it stays in the way of the next call.
    const memory = new Memory(device);
    await device.guard('A good test', () => memory.take('good', 2, 2));
    memory.close();
    device.close();
  });
});

describe('a training step that the device refuses', () => {
  const faults: Readonly<Record<string, (device: GPUDevice) => void>> = {
    'at once': (device) => {
      device.createCommandEncoder = () => {
        throw new TypeError('no encoder');
      };
    },
    'when it looks at it': (device) => {
      const create = device.createCommandEncoder.bind(device);
      device.createCommandEncoder = () => {
        const encoder = create();
        encoder.popDebugGroup(); // there is none
        return encoder;
      };
    },
  };

  test.for(Object.entries(faults))(
    '%s, is the end of its trainer, and its snapshot goes on',
    async ([, fault], { skip }) => {
      const gpu = new WatchedGpu();
      const backend = await orReason(WebgpuBackend.start({}, gpu));
      if (typeof backend === 'string') return skip(backend);
      const trainer = await backend.openTrainer(small());
      await trainer.step(step);
      const state = await trainer.snapshot();
      const { device } = gpu;
      fault(device);
      await expect(trainer.step(step)).rejects.toMatchObject(failed(/^A training step failed \(/));
      Reflect.deleteProperty(device, 'createCommandEncoder'); // what the class has is back
      // More often than there are buffers that results are read through.
      for (let i = 0; i < 4; i++)
        await expect(trainer.step(step)).rejects.toMatchObject(failed(/from the last snapshot/));
      await expect(trainer.snapshot()).rejects.toMatchObject(failed(/from the last snapshot/));
      await trainer.close();
      const another = await backend.openTrainer({ ...small(), state });
      await another.step(step);
      expect((await another.snapshot()).step).toBe(2);
      await backend.close();
      expect(gpu.buffers.size).toBe(0);
    },
  );
});

test('three whole backends in turn, each opened, trained on and closed, leave no buffer behind', async ({ skip }) => {
  const gpu = new WatchedGpu();
  const left: number[] = [];
  for (let i = 0; i < 3; i++) {
    const backend = await orReason(WebgpuBackend.start({}, gpu));
    if (typeof backend === 'string') return skip(backend);
    const trainer = await backend.openTrainer(small());
    await trainer.step(step);
    left.push(gpu.buffers.size);
    if (i > 0) await trainer.close(); // the first one's backend does it
    left.push(gpu.buffers.size);
    await backend.close();
    left.push(gpu.buffers.size);
  }
  const most = left[0] ?? 0;
  expect(most).toBeGreaterThan(10);
  expect(left).toEqual([most, most, 0, most, 0, 0, most, 0, 0]);
});
