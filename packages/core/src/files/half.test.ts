import { expect, test } from 'vitest';
import { decodeBF16, decodeF16, encodeF16 } from './half.ts';

/** IEEE 754 binary16 by its definition: sign, 5 bits of exponent with bias 15, 10 bits of mantissa. */
function halfByDefinition(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

const everyHalf = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

test('decodes every half float as the standard defines it', () => {
  const decoded = decodeF16(everyHalf);
  expect(everyHalf.filter((h) => !Object.is(decoded[h], halfByDefinition(h)))).toEqual(new Uint16Array());
});

test('encodes every half float back to itself, from float32 and from float64', () => {
  const bits = everyHalf.filter((h) => !Number.isNaN(halfByDefinition(h)));
  const [narrow, wide] = [encodeF16(decodeF16(bits)), encodeF16(Float64Array.from(bits, halfByDefinition))];
  expect(bits.filter((h, i) => narrow[i] !== h || wide[i] !== h)).toEqual(new Uint16Array());
});

test('keeps NaN as NaN', () => {
  expect(decodeF16(encodeF16([Number.NaN]))).toEqual(Float32Array.of(Number.NaN));
});

test('rounds ties to even and everything else to the nearest, in one rounding from float64', () => {
  const wrong: number[] = [];
  for (let h = 0; h + 1 < 0x7c00; h++) {
    const middle = (halfByDefinition(h) + halfByDefinition(h + 1)) / 2; // exact in float64
    // Less than half a float32 step from the tie: rounding to float32 first would lose on which side of it the number is.
    const little = middle * 2 ** -40;
    const even = h % 2 === 0 ? h : h + 1;
    const rounded = encodeF16([middle, middle - little, middle + little, -middle]).join();
    if (rounded !== [even, h, h + 1, even | 0x8000].join()) wrong.push(h);
  }
  expect(wrong).toEqual([]);
});

test('gives infinity from half a step above the largest half float on', () => {
  expect(Array.from(encodeF16([65504, 65519.99, 65520, 1e300, -Infinity]))).toEqual([
    0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00,
  ]);
});

test('decodes bfloat16 as the upper half of a float32', () => {
  const floats = Float32Array.of(1, -2.5, 0, -0, Infinity, Number.NaN, 2 ** -126, 2 ** -133);
  const upper = Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16);
  expect(decodeBF16(upper)).toEqual(floats);
});
