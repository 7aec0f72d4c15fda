import { dropoutKeys, isKept } from '@freebind/core';
import { test } from 'vitest';
import { at, expectWithin, integers, normal, onDevice, room, table, U } from '../../test/run-kernel.ts';
import { dropout } from './dropout.ts';

test(
  "dropout drops the entries that core's keys say, and scales the others",
  onDevice(async (run) => {
    const [rows, cols] = [7, 43];
    const x = normal(rows, cols, 'x');
    const layer = dropoutKeys({ seed: 3, run: 0, layer: 1, rows, cols, rate: 0.3 });
    const keys = integers(1, 2 * (rows + cols), [...layer.rowA, ...layer.rowB, ...layer.colA, ...layer.colB]);
    const { y } = await run({ x, keys, y: room(rows, cols) }, (plan, on) =>
      dropout(plan, on.x, { keys: on.keys, threshold: layer.threshold, scale: layer.scale }, on.y),
    );
    const expected = table(rows, cols, (r, c) => (isKept(layer, r, c) ? at(x, r, c) * Math.fround(layer.scale) : 0));
    expectWithin(y, expected, (i) => U * Math.abs(expected[i] ?? 0));
  }),
);
