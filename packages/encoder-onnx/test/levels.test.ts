import { expect, test } from 'vitest';
import { lookUp } from '../src/levels.js';

const table = Float32Array.from({ length: 256 }, (_, byte) => byte ** 2 / 7);

test.each([
  [0, 0],
  [0, 1],
  [0, 8],
  [0, 11],
  [1, 12],
  [3, 5],
  [4, 9],
])('looks every byte up, from byte %i of their memory, %i of them', (from, count) => {
  const memory = Uint8Array.from({ length: from + count + 3 }, (_, i) => (i * 151 + 255) % 256);
  const bytes = memory.subarray(from, from + count);
  const out = new Float32Array(count);
  lookUp(bytes, table, out);
  expect([...out]).toEqual([...bytes].map((byte) => table[byte]));
});
