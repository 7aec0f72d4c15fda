import { type Matrix, normaliseRows, normalMatrix, random } from '@freebind/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from './device.ts';
import { spansOf } from './blocks.ts';
import { infoNce, TILING } from './info-nce.ts';
import { packNumber, packRows } from './packing.ts';
import { Program, type Value } from './program.ts';

const [N, D, SHARE] = [37, 5, 0.25];
const rows = (name: string): Matrix => normaliseRows(normalMatrix(N, D, random('info-nce', name)));

let device: Device;
beforeAll(async () => {
  device = new Device();
  await device.start({ runtime: 'cpu', threads: 1 });
});
afterAll(() => device.close());

interface Cut {
  readonly block: number;
  readonly rows: number;
  readonly kept: number;
}

async function compute(x: Matrix, y: Matrix, temperature: number, shared: boolean, { block, ...tiling }: Cut) {
  const program = new Program();
  const whole = { x: program.input('x', [x.rows, x.cols]), y: program.input('y', [y.rows, y.cols]) };
  const cut = (rows: Value): Value[] => spansOf(N, block).map(({ start, end }) => program.rows(rows, start, end));
  const inverseTemperature = program.reciprocal(program.input('temperature', []));
  const sides = { x: cut(whole.x), y: cut(whole.y) };
  const pair = infoNce(program, sides, { inverseTemperature, share: SHARE, shared }, tiling);
  program.output('losses', pair.losses);
  program.output('along', pair.along);
  program.output('dx', program.stack(pair.gradients.x));
  program.output('dy', program.stack(pair.gradients.y));
  const opened = await device.open(program.compile());
  const outputs = await opened.run({ x: packRows(x), y: packRows(y), temperature: packNumber(temperature) });
  await opened.close();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)]));
}

const logSum = (values: readonly number[]): number => {
  const max = Math.max(...values);
  return max + Math.log(values.reduce((sum, v) => sum + Math.exp(v - max), 0));
};

/** The formulas in float64, with whole matrices. */
function expected(x: Matrix, y: Matrix, temperature: number): Record<string, number[]> {
  const z = Array.from({ length: N }, (_, i) =>
    Array.from({ length: N }, (_, j) => {
      let dot = 0;
      for (let c = 0; c < D; c++) dot += (x.data[i * D + c] ?? 0) * (y.data[j * D + c] ?? 0);
      return dot / temperature;
    }),
  );
  const at = (i: number, j: number): number => z[i]?.[j] ?? 0;
  const ofRows = z.map(logSum);
  const ofColumns = z.map((_, j) => logSum(z.map((row) => row[j] ?? 0)));
  const weight = (i: number, j: number): number =>
    0.5 * (Math.exp(at(i, j) - (ofRows[i] ?? 0)) + Math.exp(at(i, j) - (ofColumns[j] ?? 0))) - (i === j ? 1 : 0);
  const each = (f: (i: number, c: number) => number): number[] =>
    Array.from({ length: N * D }, (_, k) => f(Math.floor(k / D), k % D));
  const sum = (f: (j: number) => number): number => z.reduce((total, _, j) => total + f(j), 0);
  const pulls = each((i, c) => sum((j) => weight(i, j) * (y.data[j * D + c] ?? 0)));
  return {
    losses: z.map((_, i) => (ofRows[i] ?? 0) + (ofColumns[i] ?? 0) - 2 * at(i, i)),
    along: z.map((_, i) =>
      pulls.slice(i * D, (i + 1) * D).reduce((t, p, c) => t + (SHARE * p * (x.data[i * D + c] ?? 0)) / temperature, 0),
    ),
    dx: pulls.map((p) => (SHARE * p) / temperature),
    dy: each((j, c) => sum((i) => (SHARE * weight(i, j) * (x.data[i * D + c] ?? 0)) / temperature)),
  };
}

const CUTS: readonly (readonly [string, Cut])[] = [
  ['one tile', { block: N, ...TILING }],
  ['tiles that are kept', { block: 16, rows: 8, kept: N * N }],
  ['tiles that are computed again', { block: 16, rows: 8, kept: 0 }],
  ['a tile of one row, and blocks that do not divide evenly', { block: 36, rows: 1, kept: 0 }],
];

describe.each(CUTS)('InfoNCE in %s', (_, cut) => {
  test.each([
    [true, 0.1],
    [false, 0.1],
    // exp(1/0.003) is no float32.
    [false, 0.003],
  ])('equals the formulas in float64 (shared exponentials: %s, τ = %d)', async (shared, temperature) => {
    const [x, y] = [rows('x'), rows('y')];
    const [found, wanted] = [await compute(x, y, temperature, shared, cut), expected(x, y, temperature)];
    // A cosine of 5 terms errs by some 2⁻²⁴; a logit by that over τ, a softmax weight relatively by as much, and sums of 37 by √37 of it.
    const allowed = (8 * 2 ** -24) / temperature;
    for (const [name, values] of Object.entries(wanted)) {
      const scale = Math.max(1, ...values.map(Math.abs));
      const worst = Math.max(...values.map((value, i) => Math.abs((found[name]?.[i] ?? Number.NaN) - value)));
      expect({ name, error: worst / scale }).toMatchObject({
        name,
        error: expect.toSatisfy((e: number) => e < allowed),
      });
      expect(found[name]).toHaveLength(values.length);
    }
  });
});
