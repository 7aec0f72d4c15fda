import { test } from 'vitest';
import { expectWithin, onDevice, real, room } from '../../test/run-kernel.ts';
import { clampTemperature } from './temperature.ts';

test(
  'a learned temperature is put back into its bounds and told, to the bit',
  onDevice(async (run) => {
    for (const [given, expected] of [
      [0.9, 0.5],
      [0.07, 0.07],
      [-3, 0.001],
    ] as const) {
      const found = await run({ tau: real(given), results: room(1, 2) }, (plan, on) =>
        clampTemperature(plan, on.tau, { min: 0.001, max: 0.5 }, on.results),
      );
      expectWithin(found.tau, Float32Array.of(expected), 0);
      expectWithin(found.results, Float32Array.of(777, expected), 0); // the loss is others' to write
    }
  }),
);
