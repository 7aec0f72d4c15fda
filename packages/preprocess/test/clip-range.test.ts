import { clipRange } from '@freebind/preprocess';
import { expect, test } from 'vitest';

test('sounds of any number of samples from 2 s to 4 s have a middle clip within a sample of the middle', () => {
  const wrong = Array.from({ length: 32_001 }, (_, i) => 32_000 + i).filter((samples) => {
    const [start, end] = clipRange(samples, 1);
    const exact = (samples - 32_000) / 2;
    // Float64 has some durations a hair too short, and a start is cut to whole samples.
    return start > exact || start <= exact - 2 || end - start < 31_999 || end - start > 32_000;
  });
  expect(wrong).toEqual([]);
});
