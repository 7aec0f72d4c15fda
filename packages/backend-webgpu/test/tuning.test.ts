import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableOf } from '@freebind/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Device } from '../src/device.ts';
import { host } from '../src/host-node.ts';
import { measureTiles } from '../src/measure-tiles.ts';
import { WebgpuBackend } from '../src/webgpu-backend.ts';
import { orReason, rows } from './training.ts';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'freebind-tuning-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

const folder = (): string => join(cache, 'freebind/webgpu-tiles');

const keys = tableOf(rows(1024, 1024, 'keys'));

/** Scores of four queries against 1,024 keys of 1,024 columns: as few operations as are worth measuring. */
async function scores(tune: boolean): Promise<Float32Array | string> {
  const backend = await orReason(WebgpuBackend.start({ tune }));
  if (typeof backend === 'string') return backend;
  const bank = await backend.openBank({ keys });
  const { data } = await bank.scores(rows(4, 1024, 'queries'));
  await bank.close();
  expect(backend.allocated.buffers).toBe(0);
  await backend.close();
  return Float32Array.from(data);
}

test('tuning keeps what it measured in the user cache, mends what is damaged, and changes no bit', async ({ skip }) => {
  const plain = await scores(false);
  if (typeof plain === 'string') return skip(plain);
  expect(await readdir(cache)).toEqual([]);
  expect(await scores(true)).toEqual(plain);
  const [name = '', ...others] = await readdir(folder());
  expect(others).toEqual([]);
  const path = join(folder(), name);
  const { madeFrom, measured } = JSON.parse(await readFile(path, 'utf8'));
  expect(madeFrom).toMatchObject({
    adapter: { description: expect.any(String) },
    kernels: expect.any(Number),
    dawn: expect.stringMatching(/^\d+\./),
  });
  expect(measured).toEqual({ 'A·Bᵀ 4×1024×1024': expect.stringMatching(/^(narrow|direct|flat|lanes)$/) });
  await writeFile(path, '{"measured":');
  expect(await scores(true)).toEqual(plain);
  expect(Object.keys(JSON.parse(await readFile(path, 'utf8')).measured)).toEqual(['A·Bᵀ 4×1024×1024']);
});

test('a cache that cannot be written or read is done without', async () => {
  await writeFile(join(cache, 'file'), '');
  vi.stubEnv('XDG_CACHE_HOME', join(cache, 'file'));
  const measurements = host.openMeasurements?.({ adapter: 'any' });
  await measurements?.keep({ a: 'flat' });
  expect(await measurements?.recall()).toBeUndefined();
});

test('measuring times the tiles that suit a shape and leaves nothing on the device', async ({ skip }) => {
  const device = await orReason(Device.open(host, 'high-performance'));
  if (typeof device === 'string') return skip(device);
  const shape = { m: 8, n: 64, k: 64, transposeA: true, transposeB: false };
  const times = await measureTiles(device, shape);
  // Others are at least four times as high as the result: 64 × 64, 128 × 64, 128 × 128; one may need subgroups.
  expect([...times.keys()].every((name) => ['narrow', 'direct', 'flat', 'small', 'lanes'].includes(name))).toBe(true);
  expect([...times.values()].every((ms) => ms > 0)).toBe(true);
  expect(times.size).toBeGreaterThan(0);
  expect(device.allocated).toEqual({ buffers: 0, bytes: 0 });
  device.close();
});
