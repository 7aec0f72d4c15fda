import { type FreebindErrorCode, isFreebindError, type Matrix, type Reals } from '@freebind/core';

/** A requirement that was not met. The message says what was found and what was expected. */
export class NotConforming extends Error {
  override readonly name = 'NotConforming';
}

/** @throws NotConforming unless `condition` holds */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new NotConforming(message);
}

/** @throws NotConforming unless both are the same number, text or truth */
export function checkSame(found: unknown, expected: unknown, what: string): void {
  check(Object.is(found, expected), `${what}: found ${String(found)}, expected ${String(expected)}.`);
}

/** @throws NotConforming unless `found` has this shape and as many numbers */
export function checkShape(found: Matrix, rows: number, cols: number, what: string): void {
  check(
    found.rows === rows && found.cols === cols && found.data.length === rows * cols,
    `${what}: found shape [${found.rows}, ${found.cols}] with ${found.data.length} numbers, expected [${rows}, ${cols}].`,
  );
}

/** Compares number by number and reports the worst. `tolerance` is absolute, or one for each number. NaN is close to nothing. */
export function checkClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number | ((index: number) => number),
  what: string,
): void {
  checkSame(found.length, expected.length, `${what}, count of numbers`);
  let worst = -1;
  let excess = 1;
  for (let i = 0; i < found.length; i++) {
    const allowed = typeof tolerance === 'number' ? tolerance : tolerance(i);
    const error = Math.abs((found[i] ?? 0) - (expected[i] ?? 0));
    const ratio = error === 0 ? 0 : error / allowed;
    if (!(ratio <= excess)) {
      worst = i;
      excess = Number.isNaN(ratio) ? Infinity : ratio;
    }
  }
  if (worst < 0) return;
  const allowed = typeof tolerance === 'number' ? tolerance : tolerance(worst);
  throw new NotConforming(
    `${what}: number ${worst} is ${found[worst]}, expected ${expected[worst]} within ${allowed.toExponential(2)}.`,
  );
}

/** @throws NotConforming unless both hold the same numbers, bit for bit (0 and −0 differ, NaN equals NaN) */
export function checkIdentical(found: Reals, expected: Reals, what: string): void {
  checkSame(found.length, expected.length, `${what}, count of numbers`);
  const different = found.findIndex((x, i) => !Object.is(x, expected[i]));
  check(
    different < 0,
    `${what}: number ${different} is ${found[different]}, expected exactly ${expected[different]}, bit for bit.`,
  );
}

/** @throws NotConforming unless the call rejects with a FreebindError of `code` (or one of several) */
export async function checkRejects(
  call: () => Promise<unknown>,
  code: FreebindErrorCode | readonly FreebindErrorCode[],
  what: string,
): Promise<void> {
  const codes: readonly string[] = typeof code === 'string' ? [code] : code;
  let found: string;
  try {
    await call();
    found = 'no error';
  } catch (error) {
    if (isFreebindError(error) && codes.includes(error.code)) return;
    found = isFreebindError(error) ? error.code : String(error);
  }
  throw new NotConforming(`${what}: found ${found}, expected ${codes.join(' or ')}.`);
}

/** How long a call may take: long enough for any small one on any device, so that one that never settles fails instead of hanging the suite. */
export const PATIENCE_MS = 20_000;

/** What `call` comes to. @throws NotConforming when it has not settled after `ms` */
export async function settle(call: Promise<unknown>, ms: number, what: string): Promise<PromiseSettledResult<unknown>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NotConforming(`${what}: still not settled after ${ms} ms.`)), ms);
  });
  try {
    const [result] = await Promise.race([Promise.allSettled([call]), late]);
    return result;
  } finally {
    clearTimeout(timer);
  }
}
