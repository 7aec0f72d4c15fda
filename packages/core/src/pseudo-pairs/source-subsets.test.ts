import { expect, test } from 'vitest';
import { sourceSubsets } from './source-subsets.ts';

const names = (modalities: readonly string[]): readonly string[] => sourceSubsets(modalities).map(({ name }) => name);

test('audio, image and text give the seven published heads in the published order, however they are listed', () => {
  expect(names(['image', 'text', 'audio'])).toEqual(['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV']);
  expect(sourceSubsets(['audio', 'image', 'text']).map(({ sources }) => sources)).toEqual([
    ['audio', 'text', 'image'],
    ['audio'],
    ['text'],
    ['image'],
    ['audio', 'text'],
    ['audio', 'image'],
    ['text', 'image'],
  ]);
});

test('other modalities keep the order they are listed in', () => {
  expect(names(['touch', 'smell'])).toEqual(['mix', 'T', 'S']);
});

test('modalities that share an initial are named in full', () => {
  expect(names(['text', 'touch'])).toEqual(['mix', 'text', 'touch']);
  expect(names(['text', 'touch', 'audio'])).toEqual([
    'mix',
    'text',
    'touch',
    'audio',
    'text+touch',
    'text+audio',
    'touch+audio',
  ]);
});

test('one modality gives one head, and n give 2ⁿ − 1', () => {
  expect(names(['text'])).toEqual(['T']);
  expect(names(['a', 'b', 'c', 'd', 'e'])).toHaveLength(31);
});

test('a modality that is named twice is refused, and so is an empty list', () => {
  expect(() => sourceSubsets(['text', 'text'])).toThrow(/different modalities.*text, text/);
  expect(() => sourceSubsets([])).toThrow(/none/);
});
