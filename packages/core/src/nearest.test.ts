import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('finds the word that a slip of the keyboard meant', () => {
  expect(nearest('clap-genral', ['clap-music', 'clap-general'])).toBe('clap-general');
  expect(nearest('Backend', ['bonds', 'backend'])).toBe('backend');
});

test('stays silent when nothing is close', () => {
  expect(nearest('internvl', ['clap-general'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
