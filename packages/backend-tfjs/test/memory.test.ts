import {
  adapter,
  initialise,
  type Matrix,
  normaliseRows,
  normalMatrix,
  projector,
  random,
  type Table,
  tableOf,
  type TrainerOptions,
} from '@freebind/core';
import { describe, expect, test, vi } from 'vitest';
import { Device } from '../src/device.ts';
import { Lifetime } from '../src/lifetime.ts';
import { Program } from '../src/program.ts';
import { TfjsBackend } from '../src/tfjs-backend.ts';
import { TfjsTrainer } from '../src/trainer.ts';

const unit = (rows: number, cols: number, name: string): Matrix =>
  normaliseRows(normalMatrix(rows, cols, random(name)));

function training(more: Partial<TrainerOptions> = {}): TrainerOptions {
  return {
    networks: {
      p: initialise(projector({ input: 6, hidden: 7, output: 4 }), random('p'), 'xavier'),
      a: initialise(adapter({ input: 5, output: 4, blocks: 1, expansion: 2, dropout: 0.4 }), random('a'), 'fan-in'),
    },
    tables: { p: tableOf(unit(20, 6, 'p')), a: tableOf(unit(20, 5, 'a')), t: tableOf(unit(20, 4, 't')) },
    objective: {
      pairs: [
        { left: { table: 'p', network: 'p' }, right: { table: 'a', network: 'a' } },
        { left: { table: 't' }, right: { table: 'p', network: 'p' } },
      ],
      temperature: { initial: 0.1, learned: { min: 0.001, max: 0.5 } },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
    batch: 12,
    mixup: true,
    ...more,
  };
}

const step = (seed: number) => ({
  rows: Int32Array.from({ length: 12 }, (_, i) => (3 * i + seed) % 20),
  learningRate: 1e-2,
  mix: 0.4,
  seed,
});

describe.each(['wasm', 'cpu'] as const)('tensors on %s', (runtime) => {
  test('are as many after a task as before it, and in every step of a training', async () => {
    const backend = await TfjsBackend.start({ runtime, threads: 2 });
    // Programs of banks and of combine stay open with the backend: after their first use.
    const tasks = async (): Promise<void> => {
      const bank = await backend.openBank({
        keys: tableOf(unit(30, 4, 'keys')),
        values: tableOf(unit(30, 3, 'values')),
      });
      await bank.aggregate(unit(5, 4, 'queries'), 0.1);
      await bank.scores(unit(5, 4, 'queries'));
      await bank.topK(unit(5, 4, 'queries'), 3);
      await bank.close();
      await backend.combine([{ rows: unit(5, 4, 'queries'), factor: 1 }]);
      const runner = await backend.openProjector([
        initialise(projector({ input: 6, hidden: 7, output: 4 }), random('p'), 'xavier'),
      ]);
      await runner.project(unit(3, 6, 'rows'));
      await runner.close();
    };
    await tasks();
    const before = await backend.memory();
    await tasks();
    expect(await backend.memory()).toEqual(before);

    const trainer = await backend.openTrainer(training());
    await trainer.step(step(0));
    const first = await backend.memory();
    for (let i = 1; i < 4; i++) await trainer.step(step(i));
    await trainer.snapshot();
    expect(await backend.memory()).toEqual(first);
    await trainer.close();
    expect(await backend.memory()).toEqual(before);
    await backend.close();
  });

  test('are as many after a step whose rows cannot be read as before it, once another step has run', async () => {
    const backend = await TfjsBackend.start({ runtime, threads: 2 });
    const broken = new Error('the disk is gone');
    let works = true;
    const t = tableOf(unit(20, 4, 't'));
    const gather: Table['gather'] = (rows, into) => (works ? t.gather(rows, into) : Promise.reject(broken));
    const options = training();
    const trainer = await backend.openTrainer({ ...options, tables: { ...options.tables, t: { ...t, gather } } });
    await trainer.step(step(0));
    const first = await backend.memory();
    works = false;
    await expect(trainer.step(step(1))).rejects.toBe(broken);
    works = true;
    await trainer.step(step(1));
    expect(await backend.memory()).toEqual(first);
    await trainer.close();
    await backend.close();
  });
});

test('a trainer that closes while its program is being opened leaves nothing', async () => {
  const backend = await TfjsBackend.start({ runtime: 'cpu', threads: 1 });
  const before = await backend.memory();
  // A turn more each time: some of these closes fall between the call that opens the program and its answer.
  for (let turns = 0; turns < 20; turns++) {
    const trainer = await backend.openTrainer(training());
    const stepping = trainer.step(step(0)).catch(() => undefined);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    await trainer.close();
    await stepping;
  }
  expect(await backend.memory()).toEqual(before);
  await backend.close();
});

test('a step whose program cannot be opened fails, and the next one opens it', async () => {
  const device = new Device();
  await device.start({ runtime: 'cpu', threads: 1 });
  const trainer = await TfjsTrainer.open(training(), device, new Lifetime('trainer'));
  vi.spyOn(device, 'open').mockRejectedValueOnce(new Error('no memory now'));
  await expect(trainer.step(step(0))).rejects.toThrow('no memory now');
  expect((await trainer.step(step(0))).loss).toBeGreaterThan(0);
  await trainer.close();
  await device.close();
});

describe('a state', () => {
  test.each([
    ['wasm', 3],
    // These runtimes go on with the very memory they were given.
    ['cpu', undefined],
  ] as const)('that is given one more tensor gives back the memory of it on %s', async (runtime, length) => {
    const device = new Device();
    await device.start({ runtime, threads: 1 });
    const state = await device.keep({});
    const spare = await state.put('x', { shape: [1, 3], data: Float32Array.of(1, 2, 3) });
    expect(spare?.length).toBe(length);
    await state.put('y', { shape: [1, 1], data: Float32Array.of(4) });
    await state.put('x', { shape: [1, 2], data: Float32Array.of(5, 6) });
    const { x, y } = await state.copy();
    expect([x, y]).toEqual([
      { shape: [1, 2], data: Float32Array.of(5, 6) },
      { shape: [1, 1], data: Float32Array.of(4) },
    ]);
    await device.close();
  });

  test.each([
    ['works', { shape: [1, 1], data: Float32Array.of(4) }, 'fulfilled'],
    ['fails', { shape: [2, 1], data: Float32Array.of(4, 5) }, 'rejected'],
  ])('that a run may spend is empty after one that %s', async (_, b, status) => {
    const device = new Device();
    await device.start({ runtime: 'cpu', threads: 1 });
    const program = new Program();
    program.output('y', program.product(program.input('a', ['n', 'n']), program.input('b', ['n', 'n'])));
    const opened = await device.open(program.compile());
    const before = await device.memory();
    const batch = await device.keep({});
    await batch.put('a', { shape: [1, 1], data: Float32Array.of(3) });
    await batch.put('b', b);
    const [settled] = await Promise.allSettled([opened.runOn(batch, {})]);
    expect(settled?.status).toBe(status);
    expect(await device.memory()).toEqual(before);
    await expect(opened.runOn(batch, {})).rejects.toThrow(/was not fed "a"/);
    await device.close();
  });
});
