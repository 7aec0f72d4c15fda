import { expect, test } from 'vitest';
import { describeKind } from './describe-kind.ts';

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['text', 'a string'],
  [7, 'a number'],
  [{}, 'an object'],
  [Object.create(null), 'an object'],
  [{ constructor: 'x' }, 'an object'],
  [[1], 'an Array'],
  [new ArrayBuffer(1), 'an ArrayBuffer'],
  [Buffer.from('a'), 'a Buffer'],
  [new Uint8Array(1), 'a Uint8Array'],
])('says what %s is', (value, said) => {
  expect(describeKind(value)).toBe(said);
});
