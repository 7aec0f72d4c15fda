import { type Matrix, normaliseRows, normalMatrix, random } from '@freebind/core';
import { expect, test } from 'vitest';
import { orReason } from '../test/training.ts';
import { WatchedGpu } from '../test/watched-gpu.ts';
import { Device } from './device.ts';
import { host } from './host-node.ts';
import { infoNce, STRIP_NUMBERS } from './info-nce.ts';
import { type TileChoice, tileFor, TILES } from './kernels/matmul-tiles.ts';
import { Memory } from './memory.ts';
import { Plan, submitAndRead } from './plan.ts';
import type { Rows } from './rows.ts';

const tiles: TileChoice = { choose: async (shape) => TILES[tileFor(shape, true)] };

/** Records the loss of a pair and all its gradients, as a training step does. */
function record(plan: Plan, memory: Memory, x: Rows, y: Rows, tau: Rows, stripNumbers?: number): readonly Rows[] {
  const [dx, dy] = [memory.take('dx', x.rows, x.cols), memory.take('dy', y.rows, y.cols)];
  const [slope, loss] = [memory.take('slope', 1, 1), memory.take('results', 1, 2)];
  const sides = { x, y, dx: { into: dx, add: false }, dy: { into: dy, add: false } };
  const pair = {
    ...sides,
    temperature: tau,
    temperatureGradient: slope,
    results: loss,
    share: 1,
    scale: 1,
    isFirst: true,
  };
  infoNce(plan, memory, pair, stripNumbers);
  return [loss, dx, dy, slope];
}

/** Loss, ∂x, ∂y and ∂τ by strips of so many scores, and the bytes that it took. */
async function onDevice(device: Device, x: Matrix, y: Matrix, temperature: number, stripNumbers: number) {
  const memory = new Memory(device);
  const plan = new Plan(device, tiles);
  const results = await device.guard('A test', () => {
    const [held, other] = [memory.hold('x', x.rows, x.cols, x.data), memory.hold('y', y.rows, y.cols, y.data)];
    const tau = memory.hold('temperature', 1, 1, Float32Array.of(temperature));
    return record(plan, memory, held, other, tau, stripNumbers);
  });
  const { bytes } = device.allocated;
  await plan.prepare();
  const [loss, dx, dy, slope] = (await submitAndRead(device, plan, results)).map((b) => new Float32Array(b));
  plan.close();
  memory.close();
  return { loss: loss?.[0] ?? Number.NaN, dx: dx ?? [], dy: dy ?? [], slope: slope?.[0] ?? Number.NaN, bytes };
}

/** The bytes that are allocated for a batch of n rows of so many columns, rows and gradients of both sides included. */
async function bytesFor(device: Device, n: number, cols: number, stripNumbers?: number): Promise<number> {
  const memory = new Memory(device);
  await device.guard('A test', () =>
    record(
      new Plan(device, tiles),
      memory,
      memory.take('x', n, cols),
      memory.take('y', n, cols),
      memory.take('temperature', 1, 1),
      stripNumbers,
    ),
  );
  const { bytes } = device.allocated;
  memory.close();
  return bytes;
}

/** The same by the formulas in float64. */
function naive(x: Matrix, y: Matrix, temperature: number) {
  const n = x.rows;
  const dot = (i: number, j: number): number =>
    Array.from({ length: x.cols }, (_, c) => (x.data[i * x.cols + c] ?? 0) * (y.data[j * y.cols + c] ?? 0)).reduce(
      (a, b) => a + b,
      0,
    );
  const s = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_unused, j) => dot(i, j)));
  const logSum = (z: readonly number[]): number => Math.log(z.reduce((sum, v) => sum + Math.exp(v / temperature), 0));
  const rowSums = s.map(logSum);
  const columnSums = s.map((_, j) => logSum(s.map((row) => row[j] ?? 0)));
  const [dx, dy] = [new Float64Array(n * x.cols), new Float64Array(n * x.cols)];
  let [loss, slope] = [0, 0];
  for (let i = 0; i < n; i++) {
    loss += (0.5 * ((rowSums[i] ?? 0) + (columnSums[i] ?? 0)) - (s[i]?.[i] ?? 0) / temperature) / n;
    for (let j = 0; j < n; j++) {
      const z = (s[i]?.[j] ?? 0) / temperature;
      const both = Math.exp(z - (rowSums[i] ?? 0)) + Math.exp(z - (columnSums[j] ?? 0)) - (i === j ? 2 : 0);
      const g = both / (2 * n * temperature);
      slope -= g * z;
      for (let c = 0; c < x.cols; c++) {
        dx[i * x.cols + c] = (dx[i * x.cols + c] ?? 0) + g * (y.data[j * x.cols + c] ?? 0);
        dy[j * x.cols + c] = (dy[j * x.cols + c] ?? 0) + g * (x.data[i * x.cols + c] ?? 0);
      }
    }
  }
  return { loss, dx, dy, slope };
}

test('InfoNCE by strips and in one piece give what the formulas give, the strips in less memory', async ({ skip }) => {
  const device = await orReason(Device.open(host, 'high-performance'));
  if (typeof device === 'string') return skip(device);
  const n = 200;
  const temperature = 0.1;
  const [x, y] = ['x', 'y'].map((seed) => normaliseRows(normalMatrix(n, 8, random(seed)))) as [Matrix, Matrix]; // two of two
  const expected = naive(x, y, temperature);
  const whole = await onDevice(device, x, y, temperature, STRIP_NUMBERS);
  const strips = await onDevice(device, x, y, temperature, 64 * n); // 64, 64, 64 and 8 rows
  device.close();
  // As the conformance suite derives it from the manifest's tolerance: logits err by its 1/τ.
  const by = 2 ** -15 * (1 + 2 / temperature);
  for (const found of [whole, strips]) {
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(by);
    expect(Math.abs(found.slope - expected.slope)).toBeLessThan(by);
    for (const side of ['dx', 'dy'] as const)
      expect(
        Math.max(...Array.from(found[side], (g, i) => Math.abs(g - (expected[side][i] ?? Number.NaN)))),
      ).toBeLessThan(by / n);
  }
  expect(whole.bytes - strips.bytes).toBeGreaterThanOrEqual((n - 64) * n * 4 - 256);
});

test('streamed InfoNCE takes memory by batch times columns: 65,536 rows of 512 take less than 1 GiB', async ({
  skip,
}) => {
  const gpu = new WatchedGpu();
  const device = await orReason(Device.open(gpu, 'high-performance'));
  if (typeof device === 'string') return skip(device);
  const strip = 64 * 512; // the lowest strip there is, 64 rows, at both sizes
  const [small, large] = [await bytesFor(device, 512, 64, strip), await bytesFor(device, 2048, 64, strip)];
  // Four times the rows take four times the memory, but for what does not grow: a few rounded numbers.
  expect(large).toBeGreaterThan(3.9 * small);
  expect(large).toBeLessThanOrEqual(4 * small);
  const whole = await bytesFor(device, 2048, 64);
  expect(whole - large).toBe((2048 - 64) * 2048 * 4);

  // From here on buffers are counted and not allocated; that is the same count.
  gpu.device.createBuffer = ({ size }) => ({ size, destroy: () => undefined }) as unknown as GPUBuffer; // no more is used of it
  expect(await bytesFor(device, 2048, 64, strip)).toBe(large);
  const rows = 65_536 * 512 * 4;
  const bytes = await bytesFor(device, 65_536, 512);
  expect(bytes).toBeLessThan(2 ** 30);
  // x, y and their gradients, a strip of 64 MiB, and a handful of numbers a row.
  expect(bytes - 4 * rows - 2 ** 26).toBeLessThan(8 * 65_536 * 4);
  device.close();
});
