import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { matrix, tableOf } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { startWebgpu, type WebgpuOptions } from '../src/index.ts';
import { WebgpuBackend } from '../src/webgpu-backend.ts';
import { orReason, rows, training } from './training.ts';

const start = (options: WebgpuOptions = {}) => orReason(WebgpuBackend.start(options));

describe('the webgpu backend', () => {
  test('leaves no buffer behind over 1,000 openings and closings', async ({ skip }) => {
    const backend = await start();
    if (typeof backend === 'string') return skip(backend);
    const network = training().networks['p'];
    if (network === undefined) throw new Error('the training has its network');
    const bank = tableOf(rows(9, 6, 'bank'));
    for (let i = 0; i < 1000; i++) {
      const runner = await (i % 2 === 0 ? backend.openProjector([network]) : backend.openBank({ keys: bank }));
      expect(backend.allocated.buffers).toBeGreaterThan(0);
      await runner.close();
    }
    for (let i = 0; i < 5; i++) {
      const trainer = await backend.openTrainer(training());
      await trainer.step({ rows: Int32Array.from({ length: 10 }, (_, r) => r), learningRate: 1e-3 });
      await trainer.close();
      await backend.combine([{ rows: rows(3, 2, 'combined'), factor: 1 }]);
    }
    expect(backend.allocated).toEqual({ buffers: 0, bytes: 0 });
    await backend.close();
  });

  test('gives the same bits for tables and banks that stay on the host', async ({ skip }) => {
    const [resident, streaming] = [await start(), await start({ residentMiB: 0 })];
    if (typeof resident === 'string') return skip(resident);
    if (typeof streaming === 'string') return skip(streaming);
    const results = await Promise.all(
      [resident, streaming].map(async (backend) => {
        const trainer = await backend.openTrainer(training());
        const input = { rows: Int32Array.from({ length: 10 }, (_, r) => 2 * r), learningRate: 1e-2 };
        // Both are asked for at once: the second is submitted before the first loss is read.
        const losses = await Promise.all([trainer.step(input), trainer.step(input)]);
        const runner = await backend.openBank({
          keys: tableOf(rows(5000, 6, 'keys')),
          values: tableOf(rows(5000, 3, 'values')),
        });
        const queries = rows(3, 6, 'queries');
        const ranked = await runner.topK(queries, 300);
        const best = await runner.topK(queries, 5);
        const found = [losses, await runner.aggregate(queries, 0.5), await runner.scores(queries), ranked, best];
        await backend.close();
        // A k that the host merges ranks as one that the device does.
        for (let q = 0; q < 3; q++)
          expect(best.indices.slice(5 * q, 5 * q + 5)).toEqual(ranked.indices.slice(300 * q, 300 * q + 5));
        return found;
      }),
    );
    expect(results[1]).toEqual(results[0]);
  });

  test('names the query and the row whose score is NaN', async ({ skip }) => {
    const backend = await start();
    if (typeof backend === 'string') return skip(backend);
    const keys = rows(7, 2, 'damaged');
    keys.data[2 * 4] = Number.NaN;
    const runner = await backend.openBank({ keys: tableOf(keys) });
    await expect(runner.topK(rows(2, 2, 'queries'), 3)).rejects.toMatchObject({
      code: 'FREEBIND_NUMBER_INVALID',
      message: expect.stringContaining('query 0 against row 4'),
    });
    await backend.close();
  });

  test('refuses options that are none', async () => {
    for (const options of [{ power: 'much' }, { residentMiB: -1 }, { residentMiB: Number.NaN }, { device: 'gpu' }])
      // As a config written in JavaScript may say.
      await expect(startWebgpu(options as WebgpuOptions)).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
  });

  test('lets the process end by itself once it is closed', async ({ skip }) => {
    const backend = await start();
    if (typeof backend === 'string') return skip(backend);
    await backend.close();
    await expect(backend.combine([{ rows: matrix(1, 2), factor: 1 }])).rejects.toMatchObject({
      code: 'FREEBIND_CLOSED',
    });
    const script = fileURLToPath(new URL('processes/use-backend.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 });
    expect(stdout).toMatch(/^0.6,0.8\n\d\.\d{3}\n$/);
  });
});
