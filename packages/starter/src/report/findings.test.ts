import { expect, test } from 'vitest';
import type { DirectionResult, Figure, ResultRow } from '../result.ts';
import { compare, headlineRows, sortDirections } from './findings.ts';

const figure = (value: number, half = 1): Figure => ({ value, low: value - half, high: value + half });

test('only intervals that do not touch make a difference clear', () => {
  expect(compare(figure(3), figure(6))).toBe('higher');
  expect(compare(figure(6), figure(3))).toBe('lower');
  expect(compare(figure(3), figure(5))).toBe('unclear');
  expect(compare(figure(5), figure(3))).toBe('unclear');
});

test('the interval of a difference tells more than two intervals side by side', () => {
  expect(compare(figure(3, 2), figure(5, 2), figure(2, 1))).toBe('higher');
  expect(compare(figure(5, 2), figure(3, 2), figure(-2, 1))).toBe('lower');
  expect(compare(figure(3), figure(9), figure(6, 7))).toBe('unclear');
});

const result = (r1: number): DirectionResult => ({
  queries: 10,
  gallery: 10,
  chance: { r1: 10, r5: 50, r10: 100 },
  r1: figure(r1),
  r5: figure(r1),
  r10: figure(r1),
  medianRank: figure(3),
});

const row = (id: string, r1s: readonly [number, number, number, number]): ResultRow => ({
  id,
  name: id,
  kind: 'base',
  split: 'test',
  note: '',
  directions: {
    'audio→image': result(r1s[0]),
    'image→audio': result(r1s[1]),
    'audio→text': result(r1s[2]),
    'text→audio': result(r1s[3]),
    'image→text': null,
    'text→image': null,
  },
  mean: figure(1),
  audioImage: null,
});

test('a direction where binding costs is named as such, and one that cannot be searched is not named', () => {
  const [before, after] = [row('u', [10, 10, 10, 10]), row('u+d', [20, 11, 2, 12.1])];
  expect(
    sortDirections(before, after, ['audio→image', 'image→audio', 'audio→text', 'text→audio', 'image→text']),
  ).toEqual({
    higher: ['audio→image', 'text→audio'],
    unclear: ['image→audio'],
    lower: ['audio→text'],
  });
});

test('the headline compares rows of one split', () => {
  const rows = [row('u', [1, 1, 1, 1]), row('u+d', [2, 2, 2, 2])];
  const headline = { before: 'u', after: 'u+d' };
  expect(headlineRows({ rows, headline }, 'test')).toEqual({ before: rows[0], after: rows[1] });
  expect(headlineRows({ rows, headline }, 'unseen')).toBeUndefined();
});
