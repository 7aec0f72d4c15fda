// What the tests' threads do.
import { threadId } from 'node:worker_threads';
import { FreebindError } from '@freebind/core';

export const square = (/** @type {number} */ x) => x * x;

/** @param {number} ms */
export async function wait(ms) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return threadId;
}

/** @param {number} ms @param {Int32Array} flag */
export async function setAfter(ms, flag) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  flag[0] = 1;
}

/** @param {Float32Array} numbers */
export function double(numbers) {
  return { numbers: numbers.map((x) => 2 * x), part: numbers.subarray(1) };
}

export function refuse() {
  throw new FreebindError('FREEBIND_FILE_INVALID', 'It is damaged.');
}

export function fail() {
  throw Object.assign(new RangeError('too far'), { code: 'FAR' });
}

export function die() {
  process.exit(3);
}
