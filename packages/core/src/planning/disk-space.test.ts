import { expect, test } from 'vitest';
import { DiskSpace } from './disk-space.ts';

test('what lies on disk is what stays, and checkpoints and prepared rows until what they are for is whole', () => {
  const space = new DiskSpace();
  expect(space.write({ disk: 100 }, 0)).toBe(100);
  expect(space.write({ disk: 0, scratch: 20 }, 0)).toBe(120);
  expect(space.write({ disk: 1 }, 5)).toBe(126);
  expect(space.write({ disk: 3, whole: true }, 7)).toBe(136);
  expect(space.write({ disk: 10 }, 0)).toBe(114);
});
