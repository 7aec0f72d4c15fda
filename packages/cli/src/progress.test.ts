import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formatCount, formatSeconds, Progress } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** What `Progress` writes while a stage of `total` rows advances by one row a second. */
function written(style: 'bar' | 'lines' | 'silent', total: number): string {
  const out = new PassThrough();
  const progress = new Progress(style, out);
  for (let done = 1; done <= total; done++) {
    vi.advanceTimersByTime(1000);
    progress.update({ stage: 'project', done, total });
  }
  progress.stop();
  return String(out.read() ?? '');
}

test('says how far it is every ten seconds where there is no terminal', () => {
  expect(written('lines', 25).split('\n')).toEqual([
    'project: 10 of 25, 1.0 rows/s, 15 s left',
    'project: 20 of 25, 1.0 rows/s, 5 s left',
    '',
  ]);
});

test('says nothing about what is done within the first second', () => {
  const out = new PassThrough();
  const progress = new Progress('bar', out);
  vi.advanceTimersByTime(900);
  progress.update({ stage: 'project', done: 10, total: 10 });
  progress.stop();
  expect(out.read()).toBeNull();
});

test('is silent when it is told to be', () => {
  expect(written('silent', 25)).toBe('');
});

test.each([
  [0.4, '0 s'],
  [59, '59 s'],
  [125, '2 min 05 s'],
  [4321, '1 h 12 min'],
  [Infinity, '?'],
])('%s seconds read as %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [9.24, '9.2'],
  [480, '480'],
  [12_345, '12.3k'],
  [4_500_000, '4.5M'],
])('%s read as %s', (n, text) => {
  expect(formatCount(n)).toBe(text);
});
