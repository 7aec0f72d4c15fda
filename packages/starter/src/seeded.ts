import { FreebindError, random } from '@freebind/core';
import type { PoolItem } from './spaces.ts';

/** @throws FREEBIND_ARGUMENT_INVALID unless it is a whole number in [0, 2³²) */
export function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 32) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The seed is ${seed}; give a whole number from 0 to ${2 ** 32 - 1}, such as 0.`,
  );
}

/** Pool rows of the concepts in one of three seeded thirds, so that the pools of three modalities share no concept. */
export function disjointRows(
  items: readonly PoolItem[],
  concepts: Int32Array,
  third: number,
  seed: number,
): Int32Array {
  const order = random(seed, 'thirds').permutation(concepts.length);
  const own = new Set(
    Array.from(order)
      .filter((_, place) => place % 3 === third)
      .map((i) => concepts[i]),
  );
  return Int32Array.from(items.flatMap(({ concept }, row) => (own.has(concept) ? [row] : [])));
}
