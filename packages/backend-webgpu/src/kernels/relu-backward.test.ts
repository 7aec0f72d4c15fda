import { test } from 'vitest';
import { expectWithin, normal, onDevice, room } from '../../test/run-kernel.ts';
import { reluBackward } from './relu-backward.ts';

test(
  'the gradient of relu passes, to the bit, where the input is above 0',
  onDevice(async (run) => {
    const [x, dy] = [normal(7, 43, 'x'), normal(7, 43, 'dy')];
    x.data[5] = 0;
    const { dx } = await run({ x, dy, dx: room(7, 43) }, (plan, on) => reluBackward(plan, on.x, on.dy, on.dx));
    expectWithin(
      dx,
      dy.data.map((g, i) => ((x.data[i] ?? 0) > 0 ? g : 0)),
      0,
    );
  }),
);
