import { expect, test } from 'vitest';
import { type Direction, directionsOf } from '../evaluation/directions.ts';
import { type Goal, readGoal } from './goal.ts';

const directions: readonly Direction[] = directionsOf(['audio', 'image', 'text']).map(({ direction }) => direction);
const read = (goal: Goal): Record<string, number> => Object.fromEntries(readGoal(goal, directions));

test('weighs all directions the same for the mean', () => {
  expect(read('mean')).toEqual(Object.fromEntries(directions.map((direction) => [direction, 1 / 6])));
});

test.each<[Goal, Record<string, number>]>([
  ['audio→image', { 'audio→image': 1 }],
  [' audio -> image ', { 'audio→image': 1 }],
  ['audio->image=3, text->audio=1', { 'audio→image': 0.75, 'text→audio': 0.25 }],
  ['audio->image,text->audio', { 'audio→image': 0.5, 'text→audio': 0.5 }],
  [
    { 'audio->image': 1, 'image→text': 1 },
    { 'audio→image': 0.5, 'image→text': 0.5 },
  ],
])('reads %j', (goal, weights) => {
  expect(read(goal)).toEqual(weights);
});

test.each<[Goal, string]>([
  ['audio->smell', '"audio->smell", which is not a direction'],
  ['audio', 'Aim for mean or for some of audio→image, audio→text'],
  ['audio->image->text', 'not a direction'],
  ['', 'not a direction'],
  [{}, 'names no direction'],
  ['audio->image=0', 'by 0; a weight is a number above 0'],
  ['audio->image=', 'by NaN'],
  ['audio->image=1=2', 'by NaN'],
  ['audio->image,audio→image=2', 'names audio→image twice'],
])('refuses %j', (goal, message) => {
  expect(() => read(goal)).toThrow(
    expect.objectContaining({ code: 'FREEBIND_ARGUMENT_INVALID', message: expect.stringContaining(message) }),
  );
});
