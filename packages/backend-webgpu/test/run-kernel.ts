import { isFreebindError, normalMatrix, random } from '@freebind/core';
import { expect, type TestContext } from 'vitest';
import { Device } from '../src/device.ts';
import { host } from '../src/host-node.ts';
import { type MatmulTile, TILES } from '../src/kernels/matmul-tiles.ts';
import { Memory, write } from '../src/memory.ts';
import { Plan, submitAndRead } from '../src/plan.ts';
import type { Rows } from '../src/rows.ts';
import { orReason } from './training.ts';

/** An array that a kernel reads or writes: [rows, cols], row after row; integers are for row numbers and keys. */
export interface Given {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array | Int32Array;
}

/** Puts the arrays on the device, runs what is recorded and gives all of them back as they are then, as float32. */
export type RunKernel = <Name extends string>(
  arrays: Readonly<Record<Name, Given>>,
  record: (plan: Plan, on: Readonly<Record<Name, Rows>>) => void,
  tile?: MatmulTile,
) => Promise<Readonly<Record<Name, Float32Array>>>;

/** Half a unit in the last place of 1 in float32: what one rounding costs, relative to its result. */
export const U = 2 ** -24;

/** One for all tests of a process, with which it ends; with float16 where the adapter has it. */
const device = await orReason(
  Device.open(host, 'high-performance', true).catch((error: unknown) => {
    if (isFreebindError(error, 'FREEBIND_CAPABILITY_MISSING')) return Device.open(host, 'high-performance');
    throw error;
  }),
);

/**
 * The body of a kernel's test. It is skipped where there is no device, which FREEBIND_REQUIRE_DEVICE=1 makes a failure, and where the
 * device has not what its tile `needs`.
 */
export function onDevice(
  check: (run: RunKernel) => Promise<void>,
  needs?: MatmulTile,
): (context: TestContext) => Promise<void> {
  return async ({ skip }) => {
    if (typeof device === 'string') return skip(device);
    if (needs && 'reads' in needs) {
      if (needs.reads === 'subgroup' && !device.subgroups)
        return skip(`${device.name} has no subgroups that fill 64 threads`);
      if (needs.factors === 'float16' && !device.half) return skip(`${device.name} has no float16`);
    }
    return check((arrays, record, tile) => runOn(device, arrays, record, tile));
  };
}

/** Standard normal numbers, [rows, cols]. */
export function normal(rows: number, cols: number, seed: string): Given & { readonly data: Float32Array } {
  return { rows, cols, data: Float32Array.from(normalMatrix(rows, cols, random(seed)).data) };
}

/** Room for a result. What is in it before is not zero, so that a kernel that leaves something out shows. */
export function room(rows: number, cols: number): Given & { readonly data: Float32Array } {
  return { rows, cols, data: new Float32Array(rows * cols).fill(777) };
}

export function real(...numbers: readonly number[]): Given & { readonly data: Float32Array } {
  return { rows: 1, cols: numbers.length, data: Float32Array.from(numbers) };
}

export function integers(rows: number, cols: number, data: Iterable<number>): Given & { readonly data: Int32Array } {
  return { rows, cols, data: Int32Array.from(data) };
}

/** The entry (r, c). */
export function at({ cols, data }: Given, r: number, c: number): number {
  return data[r * cols + c] ?? Number.NaN;
}

/** A float64 array of `entry(r, c)`. */
export function table(rows: number, cols: number, entry: (r: number, c: number) => number): Float64Array {
  return Float64Array.from({ length: rows * cols }, (_, i) => entry(Math.floor(i / cols), i % cols));
}

/** Σ `term(i)` for i < n, in float64. */
export function sum(n: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += term(i);
  return total;
}

/** Number by number, |found − expected| ≤ allowed. */
export function expectWithin(
  found: Float32Array,
  expected: ArrayLike<number>,
  allowed: number | ((i: number) => number),
): void {
  expect(found.length).toBe(expected.length);
  const far = Array.from(found, (x, i) => ({
    i,
    found: x,
    expected: expected[i] ?? Number.NaN,
    allowed: typeof allowed === 'number' ? allowed : allowed(i),
  })).filter((one) => !(Math.abs(one.found - one.expected) <= one.allowed));
  expect(far.slice(0, 5), `${far.length} of ${found.length} numbers are off`).toEqual([]);
}

async function runOn<Name extends string>(
  device: Device,
  arrays: Readonly<Record<Name, Given>>,
  record: (plan: Plan, on: Readonly<Record<Name, Rows>>) => void,
  tile: MatmulTile = TILES.direct,
): Promise<Readonly<Record<Name, Float32Array>>> {
  const memory = new Memory(device);
  const plan = new Plan(device, { choose: async () => tile });
  const named = Object.entries<Given>(arrays);
  try {
    const rows = await device.guard('A check of a kernel', () => {
      const held = named.map(([name, { rows, cols, data }]) => {
        const place = memory.take(name, rows, cols);
        write(device, place, data);
        return place;
      });
      // The names are those of `arrays`.
      record(plan, Object.fromEntries(named.map(([name], i) => [name, held[i]])) as Record<Name, Rows>);
      return held;
    });
    await plan.prepare();
    const results = await submitAndRead(device, plan, rows);
    // As above.
    return Object.fromEntries(
      named.map(([name], i) => [name, new Float32Array(results[i] ?? new ArrayBuffer(0))]),
    ) as Record<Name, Float32Array>;
  } finally {
    plan.close();
    memory.close();
  }
}
