import { expect } from 'vitest';
import type { GoldenEntry } from './folder.ts';

/** How far numbers may be apart. */
export interface Tolerance {
  readonly by: number;
  /**
   * Where `by` is a share of the expected number. `above one` is float32's way: its rounding errors grow with the number, and
   * at 111 (the gradient of FuseMix's temperature) the 1e-5 stated for numbers about one is less than two of its steps.
   */
  readonly relative: 'never' | 'above one' | 'always';
}

/**
 * What an entry's manifest allows between freebind's numbers and it. Float64 code against float64 numbers has a bound of its
 * own where one is stated; wherever float32 has a part, the float32 bound holds.
 */
export function toleranceOf(entry: GoldenEntry, precision: 'float32' | 'float64'): Tolerance {
  const { tol } = entry;
  const exact = precision === 'float64' && !entry.id.includes('.f32.');
  const relative = exact ? 'never' : 'above one';
  if (typeof tol === 'number') return { by: tol, relative };
  const texts = exact
    ? [/f64(?: code vs \.f64:)? ([\d.e-]+)( rel)?/, /^([\d.e-]+) for float32 code/]
    : [/f32(?: code vs \.f32 or \.f64:)? ([\d.e-]+)( rel)?/, /^([\d.e-]+) for float32 code/];
  for (const text of texts) {
    const stated = text.exec(tol ?? '');
    if (stated !== null) return { by: Number(stated[1]), relative: stated[2] === undefined ? relative : 'always' };
  }
  throw new Error(`The manifest states no tolerance that can be read for ${entry.id}: ${String(tol)}`);
}

/** Fails with the worst element when any number is further from its expected one than `tolerance`. */
export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  { by, relative }: Tolerance,
  what: string,
): void {
  const unit = {
    never: () => 1,
    'above one': (goal: number) => Math.max(1, Math.abs(goal)),
    always: Math.abs,
  }[relative];
  expect(found.length, `${what}: count of numbers`).toBe(expected.length);
  let worst = 0;
  let at = 0;
  for (let i = 0; i < found.length; i++) {
    const goal = expected[i] ?? NaN;
    const error = Math.abs((found[i] ?? NaN) - goal) / unit(goal);
    // Also true for NaN, after which nothing is worse.
    if (!(error <= worst)) {
      worst = error;
      at = i;
      if (Number.isNaN(error)) break;
    }
  }
  expect(worst, `${what}: worst at ${at}, ${found[at]} for ${expected[at]}`).toBeLessThanOrEqual(by);
}
