import { test } from 'vitest';
import { at, expectWithin, normal, onDevice, room, sum, table, U } from '../../test/run-kernel.ts';
import { normGradients } from './norm-gradients.ts';

for (const of of ['columns', 'rows'] as const) {
  test(
    `the gradients of a norm of ${of} are sums over rows, added to earlier ones or not`,
    onDevice(async (run) => {
      const [n, c] = [37, 21];
      const [x, dy] = [normal(n, c, 'x'), normal(n, c, 'dy')];
      const count = of === 'columns' ? c : n;
      const [means, scales] = [normal(1, count, 'means'), normal(1, count, 'scales')];
      const before = normal(1, c, 'before');
      const arrays = { x, dy, means, scales, weight: room(1, c), bias: before, sums: room(2, c) };
      const fresh = await run(arrays, (plan, on) =>
        normGradients(plan, { ...on, standard: on, gradients: { ...on, add: false } }, of),
      );
      const added = await run({ ...arrays, weight: before }, (plan, on) =>
        normGradients(plan, { ...on, standard: on, gradients: { ...on, add: true } }, of),
      );
      const product = (r: number, k: number): number => {
        const i = of === 'columns' ? k : r;
        return at(dy, r, k) * (at(x, r, k) - at(means, 0, i)) * at(scales, 0, i);
      };
      const weight = table(1, c, (_, k) => sum(n, (r) => product(r, k)));
      const bias = table(1, c, (_, k) => sum(n, (r) => at(dy, r, k)));
      // A difference and two products; three additions of a lane and four levels of lanes; one more when it adds.
      const weightError = (k: number): number => 11 * U * sum(n, (r) => Math.abs(product(r, k)));
      const biasError = (k: number): number => 7 * U * sum(n, (r) => Math.abs(at(dy, r, k)));
      expectWithin(fresh.weight, weight, weightError);
      expectWithin(fresh.bias, bias, biasError);
      for (const { sums } of [fresh, added]) {
        expectWithin(sums.subarray(0, c), weight, weightError);
        expectWithin(sums.subarray(c), bias, biasError);
      }
      const onto = (own: Float64Array): Float64Array => own.map((s, k) => s + at(before, 0, k));
      const ontoError = (own: Float64Array, k: number): number =>
        2 * U * (Math.abs(own[k] ?? 0) + Math.abs(at(before, 0, k)));
      expectWithin(added.weight, onto(weight), (k) => weightError(k) + ontoError(weight, k));
      expectWithin(added.bias, onto(bias), (k) => biasError(k) + ontoError(bias, k));
    }),
  );
}
