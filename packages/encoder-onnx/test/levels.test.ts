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
  lookUp(bytes, table, 1, out);
  expect([...out]).toEqual([...bytes].map((byte) => table[byte]));
});

test('looks each plane up in its own table, and the planes of the next row in the same ones', () => {
  const tables = Float32Array.from([...table, ...table.map((number) => -number)]);
  const bytes = Uint8Array.from({ length: 4 * 6 }, (_, i) => (i * 37) % 256);
  const out = new Float32Array(bytes.length);
  lookUp(bytes, tables, 4, out);
  expect([...out]).toEqual([...bytes].map((byte, i) => tables[256 * (Math.floor(i / 6) % 2) + byte]));
});
