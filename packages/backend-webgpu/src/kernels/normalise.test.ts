import { expect, test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { normalise } from './normalise.ts';

test(
  'rows get length one, and one shorter than 1e-12 is divided by that',
  onDevice(async (run) => {
    const [n, c] = [5, 150];
    const x = normal(n, c, 'x');
    x.data.fill(0, c, 2 * c);
    x.data.subarray(2 * c, 3 * c).forEach((v, k, row) => (row[k] = v * 1e-14));
    const found = await run({ x, y: room(n, c), norms: room(1, n) }, (plan, on) =>
      normalise(plan, on.x, on.y, on.norms),
    );
    const norms = table(1, n, (_, r) => Math.sqrt(sum(c, (k) => at(x, r, k) ** 2)));
    // Under the root: a product and nine additions, halved by it; WGSL's root has 4.5 units, its quotient 2.5.
    expectWithin(found.norms, norms, (r) => 14 * U * (norms[r] ?? 0));
    const expected = table(n, c, (r, k) => at(x, r, k) / Math.max(norms[r] ?? 0, 1e-12));
    expectWithin(found.y, expected, (i) => 20 * U * Math.abs(expected[i] ?? 0));
  }),
);

test(
  'a row with NaN is NaN throughout',
  onDevice(async (run) => {
    const [n, c] = [2, 150];
    const x = normal(n, c, 'x');
    x.data[3] = Number.NaN;
    const found = await run({ x, y: room(n, c), norms: room(1, n) }, (plan, on) =>
      normalise(plan, on.x, on.y, on.norms),
    );
    expect(Array.from(found.y, Number.isNaN)).toEqual(Array.from(x.data, (_, i) => i < c));
  }),
);
