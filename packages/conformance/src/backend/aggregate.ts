import {
  type Backend,
  type Matrix,
  matrix,
  normaliseRows,
  sliceRows,
  stackTables,
  type Table,
  tableOf,
} from '@freebind/core';
import * as fc from 'fast-check';
import type { ConformanceCase } from '../case.ts';
import { checkClose, checkShape } from '../check.ts';
import { inFloat64, normalRows, unitRows } from '../data.ts';
import { naiveAggregate, rowsIn } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';
import { checkPrecision, rowOrder } from './shared.ts';

/** What the cases call a bank: matrices in memory. */
export interface Bank {
  readonly keys: Matrix;
  readonly values?: Matrix;
}

/** One aggregate over a bank that is opened for it. */
export async function aggregate(backend: Backend, bank: Bank, queries: Matrix, temperature: number): Promise<Matrix> {
  const { keys, values } = bank;
  const runner = await backend.openBank({
    keys: tableOf(keys, 'keys'),
    ...(values === undefined ? {} : { values: tableOf(values, 'values') }),
  });
  const out = await runner.aggregate(queries, temperature);
  await runner.close();
  return out;
}

/** The same by the naive formula. */
export function expectedAggregate(
  { keys, values = keys }: Bank,
  queries: Matrix,
  temperature: number,
): readonly number[] {
  const [k, v] = [rowsIn(keys), rowsIn(values)];
  return rowsIn(queries).flatMap((query) => naiveAggregate(query, k, v, temperature));
}

function inTwoPieces(rows: Matrix): Table {
  return stackTables([tableOf(sliceRows(rows, 0, 7)), tableOf(sliceRows(rows, 7, rows.rows))]);
}

/** Requirements of `aggregate`. */
export const aggregateCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'aggregates with softmax weights, not normalised, in its precision',
    because: 'agg(q; K, X) = Σ softmax(q · K / τ₁) · X with τ₁ = 1/100: FreeBind, pseudo pair aggregation',
    async run(backend) {
      const bank = { keys: unitRows(40, 8, 'keys'), values: unitRows(40, 5, 'values') };
      const queries = unitRows(7, 8, 'queries');
      const out = await aggregate(backend, bank, queries, 0.01);
      checkPrecision(backend, out);
      checkClose(
        out.data,
        expectedAggregate(bank, queries, 0.01),
        tolerancesOf(backend.manifest).aggregate(0.01),
        'the aggregate',
      );
    },
  },
  {
    name: 'averages the keys when a bank has no values of its own',
    async run(backend) {
      const bank = { keys: unitRows(30, 6, 'keys only') };
      const queries = unitRows(4, 6, 'keys only, queries');
      const out = await aggregate(backend, bank, queries, 0.05);
      checkClose(
        out.data,
        expectedAggregate(bank, queries, 0.05),
        tolerancesOf(backend.manifest).aggregate(0.05),
        'the aggregate',
      );
    },
  },
  {
    name: 'aggregates any shape: no queries, one query, one row, any widths and temperatures',
    async run(backend) {
      const shape = fc.record({
        queries: fc.integer({ min: 0, max: 6 }),
        rows: fc.integer({ min: 1, max: 50 }),
        keyCols: fc.integer({ min: 1, max: 9 }),
        valueCols: fc.integer({ min: 1, max: 9 }),
        temperature: fc.constantFrom(0.01, 0.05, 0.3, 2),
        seed: fc.nat(1000),
      });
      await fc.assert(
        fc.asyncProperty(shape, async ({ queries, rows, keyCols, valueCols, temperature, seed }) => {
          const bank = { keys: unitRows(rows, keyCols, seed), values: unitRows(rows, valueCols, seed + 1) };
          const given = unitRows(queries, keyCols, seed + 2);
          const out = await aggregate(backend, bank, given, temperature);
          checkShape(out, queries, valueCols, 'the aggregate');
          checkClose(
            out.data,
            expectedAggregate(bank, given, temperature),
            tolerancesOf(backend.manifest).aggregate(temperature),
            'the aggregate',
          );
        }),
        { seed: 2, numRuns: 12 },
      );
    },
  },
  {
    name: 'returns the row of a bank of one row, for any query',
    async run(backend) {
      const bank = { keys: unitRows(1, 4, 'one'), values: normalRows(1, 3, 'one') };
      const queries = matrix(3, 4, Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0, ...bank.keys.data));
      const out = await aggregate(backend, bank, queries, 0.01);
      const row = [...bank.values.data];
      checkClose(out.data, [...row, ...row, ...row], 4 * tolerancesOf(backend.manifest).unit, 'the aggregate');
    },
  },
  {
    name: 'averages all rows evenly for a zero query',
    async run(backend) {
      const bank = { keys: unitRows(20, 4, 'even'), values: unitRows(20, 3, 'even') };
      const out = await aggregate(backend, bank, matrix(1, 4), 0.01);
      checkClose(
        out.data,
        expectedAggregate(bank, matrix(1, 4), 0.01),
        tolerancesOf(backend.manifest).unit,
        'the mean of the bank',
      );
    },
  },
  {
    name: 'becomes the nearest neighbour as the temperature goes to zero, and the mean as it grows',
    because: 'exp overflows unless the row maximum is subtracted first',
    async run(backend) {
      const { unit } = tolerancesOf(backend.manifest);
      // Scores 0.9, 0.5, −0.9 of the first query and the negatives of these of the second.
      const keys = matrix(3, 2, Float32Array.of(0.9, 0.436, 0.5, 0.866, -0.9, 0.436));
      const values = matrix(3, 2, Float32Array.of(1, 0, 0, 1, -1, 0));
      const queries = matrix(2, 2, Float32Array.of(1, 0, -1, 0));
      for (const temperature of [1e-3, 1e-6, 1e-30]) {
        const out = await aggregate(backend, { keys, values }, queries, temperature);
        checkClose(out.data, [1, 0, -1, 0], unit, `the aggregate at temperature ${temperature}`);
      }
      const out = await aggregate(backend, { keys, values }, queries, 1e9);
      checkClose(out.data, [0, 1 / 3, 0, 1 / 3], unit + 1e-9, 'the aggregate at temperature 1e9');
    },
  },
  {
    name: 'does not vanish where all scores are equally low',
    because: 'with every score at −1, exp(score / τ) is zero for every row unless the maximum is subtracted',
    async run(backend) {
      const key = normaliseRows(normalRows(1, 4, 'low'));
      const keys = matrix(2, 4, Float32Array.of(...key.data, ...key.data));
      const values = matrix(2, 1, Float32Array.of(0.25, 0.75));
      const query = matrix(
        1,
        4,
        key.data.map((x) => -x),
      );
      const out = await aggregate(backend, { keys, values }, query, 1e-3);
      checkClose(out.data, [0.5], tolerancesOf(backend.manifest).aggregate(1e-3), 'the mean of two equal scores');
    },
  },
  {
    name: 'gives the same for the bank in another order, in two pieces and in another precision',
    async run(backend) {
      const tolerance = tolerancesOf(backend.manifest).aggregate(0.02);
      const bank = { keys: unitRows(33, 6, 'pieces'), values: unitRows(33, 4, 'pieces') };
      const queries = unitRows(5, 6, 'pieces');
      const whole = await aggregate(backend, bank, queries, 0.02);
      const order = rowOrder(33);
      const shuffled = { keys: order.of(bank.keys), values: order.of(bank.values) };
      const inOrder = await aggregate(backend, shuffled, queries, 0.02);
      checkClose(inOrder.data, whole.data, tolerance, 'the bank in another order');
      const runner = await backend.openBank({ keys: inTwoPieces(bank.keys), values: inTwoPieces(bank.values) });
      checkClose((await runner.aggregate(queries, 0.02)).data, whole.data, tolerance, 'the bank in two pieces');
      await runner.close();
      const float64 = { keys: inFloat64(bank.keys), values: inFloat64(bank.values) };
      const inDoubles = await aggregate(backend, float64, inFloat64(queries), 0.02);
      checkClose(inDoubles.data, whole.data, tolerance, 'the same numbers in float64');
    },
  },
  {
    name: 'answers each query by itself: in another order and in tiles alike',
    async run(backend) {
      const tolerance = tolerancesOf(backend.manifest).aggregate(0.02);
      const runner = await backend.openBank({ keys: tableOf(unitRows(25, 6, 'each')) });
      const queries = unitRows(9, 6, 'each, queries');
      const whole = await runner.aggregate(queries, 0.02);
      const order = rowOrder(9);
      checkClose(
        (await runner.aggregate(order.of(queries), 0.02)).data,
        order.of(whole).data,
        tolerance,
        'queries in another order',
      );
      const tiles = [sliceRows(queries, 0, 4), sliceRows(queries, 4, 8), sliceRows(queries, 8, 9)];
      const parts: number[] = [];
      for (const tile of tiles) parts.push(...(await runner.aggregate(tile, 0.02)).data);
      checkClose(parts, whole.data, tolerance, 'queries in tiles');
      await runner.close();
    },
  },
];
