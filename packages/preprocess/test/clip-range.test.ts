import { clipRange } from '@freebind/preprocess';
import { expect, test } from 'vitest';

test('sounds of any number of samples from 2 s to 4 s have a middle clip within a sample of the middle', () => {
  for (let samples = 32_000; samples <= 64_000; samples++) {
    const [start, end] = clipRange(samples, 1);
    const exact = (samples - 32_000) / 2;
    // Float64 has some durations a hair too short, and a start is cut to whole samples.
    if (start > exact || start <= exact - 2 || end - start < 31_999 || end - start > 32_000)
      expect.fail(`of ${samples} samples, the middle clip is ${start} to ${end}`);
  }
});
