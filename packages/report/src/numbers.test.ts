import { expect, test } from 'vitest';
import { count, duration, factor, interval, oneDecimal, ratio, signed } from './numbers.ts';

test('figures have one decimal and a true minus sign', () => {
  expect([oneDecimal(26.46), oneDecimal(-0.31), signed(4.2), signed(-4.2)]).toEqual(['26.5', '−0.3', '+4.2', '−4.2']);
});

test('zero has no sign, however it was reached', () => {
  expect([oneDecimal(-0.04), signed(-0.04), signed(0)]).toEqual(['0.0', '0.0', '0.0']);
});

test('intervals with a negative end are not written with a dash', () => {
  expect(interval({ low: 1.25, high: 3 })).toBe('1.3–3.0');
  expect(interval({ low: -1, high: 3 })).toBe('−1.0 to 3.0');
});

test.each([
  [0.44, '0.4 s'],
  [9.96, '10 s'],
  [94.2, '94 s'],
  [125.4, '2 min 5 s'],
])('%d seconds are written as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('a ratio is said where it says something', () => {
  expect(ratio(3.1, 26.5)).toBe('8.5 times as high');
  expect([ratio(0, 5), ratio(10, 10.5), ratio(10, 5)]).toEqual(['', '', '']);
});

test('factors and counts are written as a reader would', () => {
  expect([factor(0.5), factor(0.05), factor(1), factor(0.30000000000000004)]).toEqual(['0.5', '0.05', '1', '0.3']);
  expect(count(1418)).toBe('1,418');
});
