import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, real, room, sum, table, U } from '../../test/run-kernel.ts';
import { logSum } from '../../test/softmax.ts';
import { infoNceGradient } from './info-nce-gradient.ts';

test(
  'scores become (P + Q − 2·I) · share / 2nτ, and each row keeps its product with them',
  onDevice(async (run) => {
    const [b, n, first, share] = [5, 150, 3, 0.5];
    const scores = normal(b, n, 'scores');
    const temperature = real(0.2);
    const tau = at(temperature, 0, 0);
    const logit = (r: number, c: number): number => at(scores, r, c) / tau;
    const rowSums = room(1, n);
    for (let r = 0; r < b; r++) rowSums.data[first + r] = logSum(Array.from({ length: n }, (_, c) => logit(r, c)));
    // Of a batch whose other rows are not here: somewhat above what these rows have.
    const columnSums = real(
      ...Array.from({ length: n }, (_, c) => 3 + logSum(Array.from({ length: b }, (_r, r) => logit(r, c)))),
    );
    const found = await run({ scores, temperature, rowSums, columnSums, products: room(1, n) }, (plan, on) =>
      infoNceGradient(plan, { ...on, first, share }),
    );
    const weight = share / (2 * n);
    const gradients = table(b, n, (r, c) => {
      const both = Math.exp(logit(r, c) - at(rowSums, 0, first + r)) + Math.exp(logit(r, c) - at(columnSums, 0, c));
      return (weight * (both - (c === first + r ? 2 : 0))) / tau;
    });
    const gradientError = (r: number, c: number): number => {
      // The logit, a quotient, is off by 5 u of itself, the difference by one of its own; the exponential by 3 + 2|x| units.
      const of = (x: number): number => Math.exp(x) * (6 + 5 * Math.abs(x) + 5 * Math.abs(logit(r, c)));
      const both = of(logit(r, c) - at(rowSums, 0, first + r)) + of(logit(r, c) - at(columnSums, 0, c));
      // Two sums of at most 2 and 3 in size, a product and a quotient.
      return (weight / tau) * U * (both + (c === first + r ? 10 : 0)) + 9 * U * Math.abs(gradients[r * n + c] ?? 0);
    };
    expectWithin(found.scores, gradients, (i) => gradientError(Math.floor(i / n), i % n));
    const isOwn = (row: number): boolean => row >= first && row < first + b;
    const product = (r: number, c: number): number => (gradients[r * n + c] ?? 0) * at(scores, r, c);
    expectWithin(
      found.products,
      table(1, n, (_, row) => (isOwn(row) ? sum(n, (c) => product(row - first, c)) : 777)),
      (row) => {
        if (!isOwn(row)) return 0;
        const r = row - first;
        // A product, three additions of a lane, six levels of lanes.
        return sum(n, (c) => gradientError(r, c) * Math.abs(at(scores, r, c)) + 10 * U * Math.abs(product(r, c)));
      },
    );
  }),
);
