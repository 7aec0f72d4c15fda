import {
  adapter,
  initialise,
  type Matrix,
  normaliseRows,
  normalMatrix,
  projector,
  random,
  tableOf,
  type TrainerOptions,
} from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { TfjsBackend } from '../src/tfjs-backend.ts';

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
});
