import reference, { ReferenceBackend } from '@freebind/backend-reference';
import { describePlugin } from '@freebind/conformance/vitest';
import { initialise, matrix, normaliseRows, normalMatrix, projector, random, tableOf } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

describePlugin('the reference plugin', reference(), packageJson);

const rows = (n: number, cols: number, seed: number) => normaliseRows(normalMatrix(n, cols, random(seed)));

/** Three steps and the state after them; `wait` for each before the next is called. */
async function train(wait: boolean) {
  const backend = new ReferenceBackend({ precision: 'float64' });
  const trainer = await backend.openTrainer({
    networks: { p: initialise(projector({ input: 4, hidden: 5, output: 3 }), random(3), 'xavier') },
    tables: { a: tableOf(rows(9, 4, 4)), b: tableOf(rows(9, 3, 5)) },
    objective: {
      pairs: [{ left: { table: 'a', network: 'p' }, right: { table: 'b' } }],
      temperature: { initial: 0.1 },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batch: 4,
  });
  const steps: Promise<unknown>[] = [];
  for (let i = 0; i < 3; i++) {
    const step = trainer.step({ rows: Int32Array.of(i, i + 1, i + 2, i + 3), learningRate: 0.01 });
    steps.push(wait ? Promise.resolve(await step) : step);
  }
  const state = await trainer.snapshot();
  return { losses: await Promise.all(steps), state };
}

describe('the reference backend', () => {
  test('refuses a precision that it does not have', () => {
    // A config is written by people, so types do not help.
    const options = { precision: 'float16' } as unknown as { precision: 'float32' };
    expect(() => new ReferenceBackend(options)).toThrow(/"float16"; it must be "float32" or "float64"/);
  });

  test.each([{ device: 'cpu' }, { precison: 'float64' }])('refuses options that it does not have: %j', (options) => {
    // As a config written in JavaScript may say.
    expect(() => new ReferenceBackend(options as object)).toThrow(
      /has no option .* Its options are precision, threads\./,
    );
  });

  test('gives a row the same bits alone and in any company', async () => {
    const backend = new ReferenceBackend({ precision: 'float64' });
    const runner = await backend.openBank({ keys: tableOf(rows(13, 5, 1)) });
    const queries = rows(7, 5, 2);
    const { data } = await runner.scores(queries);
    for (let q = 0; q < 7; q++) {
      const alone = await runner.scores(matrix(1, 5, queries.data.slice(q * 5, (q + 1) * 5)));
      expect(alone.data).toEqual(data.slice(q * 13, (q + 1) * 13));
    }
  });

  test('takes steps in the order of the calls, without waiting between them', async () => {
    expect(await train(false)).toEqual(await train(true));
  });

  test('says which score is not a number instead of ranking it', async () => {
    const runner = await new ReferenceBackend().openBank({ keys: tableOf(rows(3, 2, 6)) });
    await expect(runner.topK(matrix(1, 2, Float32Array.of(Number.NaN, 0)), 1)).rejects.toMatchObject({
      code: 'FREEBIND_NUMBER_INVALID',
    });
  });
});
