import { expect, test } from 'vitest';
import { buffersIn } from '../src/index.ts';

test('finds the memory of whole arrays, each once, and leaves parts and pooled buffers to be copied', () => {
  const [left, right] = [Float32Array.of(1, 2), Float32Array.of(3)];
  const part = new Float32Array(8).subarray(2);
  const sound = { channels: [left, right, left], sampleRate: 16_000, name: 'tone', part, pooled: Buffer.from('ab') };
  expect(buffersIn(sound)).toEqual([left.buffer, right.buffer]);
  for (const nothing of ['text', 7, null, undefined, new Float32Array(new SharedArrayBuffer(4))])
    expect(buffersIn(nothing)).toEqual([]);
});
