import { expect, test } from 'vitest';
import { findDifference } from './identity.ts';

test('equal data in another order of keys do not differ', () => {
  expect(findDifference({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1, d: undefined })).toBeUndefined();
});

test.each([
  [{ batch: 64 }, { batch: 128 }, 'batch is 64 there and 128 here'],
  [{ rate: { kind: 'constant' } }, { rate: { kind: 'cosine' } }, 'rate.kind is "constant" there and "cosine" here'],
  [{ heads: ['A', 'T'] }, { heads: ['A'] }, 'heads.1 is "T" there and missing here'],
  [{ seed: 1 }, { seed: 1, bank: 5 }, 'bank is missing there and 5 here'],
  [1, { a: 1 }, 'it is 1 there and {"a":1} here'],
])('says where %j and %j differ', (there, here, words) => {
  expect(findDifference(there, here)).toBe(words);
});
