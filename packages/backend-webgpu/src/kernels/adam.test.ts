import { test } from 'vitest';
import { expectWithin, normal, onDevice, real, U } from '../../test/run-kernel.ts';
import { adam } from './adam.ts';

test(
  'Adam moves values and moments as its formulas say, decay decoupled',
  onDevice(async (run) => {
    const n = 301;
    const [value, m, gradient] = [normal(1, n, 'value'), normal(1, n, 'm'), normal(1, n, 'gradient')];
    const v = normal(1, n, 'v');
    v.data.forEach((x, i) => (v.data[i] = x * x));
    const numbers = real(1e-2, 1 - 1e-2 * 0.05, 0.9, 0.1, 0.999, 0.001, 1 / (1 - 0.9 ** 3), 1 / (1 - 0.999 ** 3), 1e-8);
    const found = await run({ value, m, v, gradient, numbers }, (plan, on) =>
      adam(plan, { value: on.value, m: on.m, v: on.v, gradient: on.gradient }, on.numbers),
    );
    const [lr = 0, keep = 0, beta1 = 0, rest1 = 0, beta2 = 0, rest2 = 0, c1 = 0, c2 = 0, epsilon = 0] = numbers.data;
    const step = Array.from(value.data, (w, i) => {
      const [old, g, second] = [m.data[i] ?? 0, gradient.data[i] ?? 0, v.data[i] ?? 0];
      const first = beta1 * old + rest1 * g;
      const squares = beta2 * second + rest2 * g * g;
      const root = Math.sqrt(squares * c2) + epsilon;
      const change = (first * c1) / root;
      // Two products and a sum; one product more.
      const [firstError, squaresError] = [2 * U * (Math.abs(beta1 * old) + Math.abs(rest1 * g)), 4 * U * squares];
      // Root: half of its argument's 5 u, and WGSL's root, 1/inverseSqrt, 4.5 units; a sum, a product, a quotient of 2.5 units.
      const changeError = 20 * U * Math.abs(change) + (firstError * c1) / root;
      const valueError = lr * changeError + 2 * U * (Math.abs(w * keep) + Math.abs(lr * change));
      return { first, squares, value: w * keep - lr * change, firstError, squaresError, valueError };
    });
    expectWithin(
      found.m,
      step.map(({ first }) => first),
      (i) => step[i]?.firstError ?? 0,
    );
    expectWithin(
      found.v,
      step.map(({ squares }) => squares),
      (i) => step[i]?.squaresError ?? 0,
    );
    expectWithin(
      found.value,
      step.map(({ value }) => value),
      (i) => step[i]?.valueError ?? 0,
    );
    expectWithin(found.gradient, gradient.data, 0);
  }),
);
