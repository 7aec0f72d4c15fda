import { expect, test } from 'vitest';
import { Device } from '../src/device.ts';
import { Program } from '../src/program.ts';
import { weigh, weighRows } from '../src/weigh.ts';

/** float32's smallest normal number. */
const SMALLEST = 2 ** -126;

test.each(['wasm', 'cpu'] as const)('weights are exponentials, and never subnormal numbers: %s', async (runtime) => {
  const program = new Program();
  const x = program.input('x', [1, 'n']);
  program.output('weights', weigh(program, x));
  program.output('rows', weighRows(program, x));
  const device = new Device();
  await device.start({ runtime, threads: 1 });
  const opened = await device.open(program.compile());
  const differences = [0, -1, -59, -61, -87, -88, -100, -104, -1e30];
  const wanted = differences.map((difference) => Math.exp(difference));
  const total = wanted.reduce((sum, weight) => sum + weight);
  const { weights, rows } = await opened.run({ x: { shape: [1, 9], data: Float32Array.from(differences) } });
  for (const [i, weight] of wanted.entries()) {
    // Exponentials are right to a few places.
    expect(Math.abs((weights?.data[i] ?? Infinity) - weight)).toBeLessThan(2 ** -22);
    expect(Math.abs((rows?.data[i] ?? Infinity) - weight / total)).toBeLessThan(2 ** -22);
  }
  for (const weight of [...(weights?.data ?? []), ...(rows?.data ?? [])]) expect(weight).toBeGreaterThan(SMALLEST);
  const nan = await opened.run({ x: { shape: [1, 1], data: Float32Array.of(Number.NaN) } });
  expect([nan['weights']?.data[0], nan['rows']?.data[0]]).toEqual([Number.NaN, Number.NaN]);
  await device.close();
});
