import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, room, sum, table, U } from '../../test/run-kernel.ts';
import { normaliseBackward } from './normalise-backward.ts';

test(
  'the gradient through a normalised row leaves out what lies along it, below the floor nothing',
  onDevice(async (run) => {
    const [n, c] = [3, 150];
    const [y, dy] = [normal(n, c, 'y'), normal(n, c, 'dy')];
    const norms = real(2.5, 1e-13, 0.4);
    const { dx } = await run({ y, norms, dy, dx: room(n, c) }, (plan, on) =>
      normaliseBackward(plan, on.y, on.norms, on.dy, on.dx),
    );
    const isShort = (r: number): boolean => at(norms, 0, r) < 1e-12;
    const along = (r: number, of: (x: number) => number = (x) => x): number =>
      isShort(r) ? 0 : sum(c, (k) => of(at(dy, r, k) * at(y, r, k)));
    const divisor = (r: number): number => Math.max(at(norms, 0, r), 1e-12);
    expectWithin(
      dx,
      table(n, c, (r, k) => (at(dy, r, k) - at(y, r, k) * along(r)) / divisor(r)),
      (i) => {
        const [r, k] = [Math.floor(i / c), i % c];
        // A product and nine additions; a product and a sum; a quotient of 2.5 units by a floor that is rounded itself.
        const taken = Math.abs(at(y, r, k)) * along(r, Math.abs);
        return (U * (8 * Math.abs(at(dy, r, k)) + 18 * taken)) / divisor(r);
      },
    );
  }),
);
