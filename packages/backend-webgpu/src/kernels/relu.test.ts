import { test } from 'vitest';
import { expectWithin, normal, onDevice, real, room } from '../../test/run-kernel.ts';
import { relu } from './relu.ts';

test(
  'relu keeps what is above 0, to the bit, and lets NaN pass',
  onDevice(async (run) => {
    const x = normal(7, 43, 'relu'); // 301 entries, 45 beyond a workgroup
    const { y } = await run({ x, y: room(7, 43) }, (plan, on) => relu(plan, on.x, on.y));
    expectWithin(
      y,
      x.data.map((v) => Math.max(0, v)),
      0,
    );
    const special = await run({ x: real(0, NaN, -1), y: room(1, 3) }, (plan, on) => relu(plan, on.x, on.y));
    if (!Object.is(special.y.join(), '0,NaN,0')) throw new Error(`found ${special.y.join()}`);
  }),
);
