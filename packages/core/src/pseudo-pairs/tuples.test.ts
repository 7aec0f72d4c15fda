import { expect, test } from 'vitest';
import { matrix } from '../matrix.ts';
import { tableOf } from '../table.ts';
import { checkPair, type SpaceTables, tupleColumns } from './tuples.ts';

const columns = (unified: readonly string[], expert: readonly string[], source: string): readonly string[] =>
  tupleColumns(unified, expert, source).map(
    ({ party, modality, scoredIn }) => `${party}.${modality}<${scoredIn ?? 'own'}`,
  );

function space(name: string, tables: Readonly<Record<string, readonly [number, number]>>): SpaceTables {
  return {
    space: name,
    tables: Object.fromEntries(
      Object.entries(tables).map(([modality, [rows, cols]]) => [
        modality,
        tableOf(matrix(rows, cols), `${name}.${modality}.npy`),
      ]),
    ),
  };
}

test('a source that the expert embeds scores each bank in the space that it fills', () => {
  expect(columns(['audio', 'image', 'text'], ['image', 'text'], 'text')).toEqual([
    'unified.audio<unified',
    'unified.image<unified',
    'unified.text<own',
    'expert.image<expert',
    'expert.text<own',
  ]);
});

test('a source that the expert does not embed carries the rows of shared banks from the unified space', () => {
  expect(columns(['audio', 'image', 'text'], ['image', 'text'], 'audio')).toEqual([
    'unified.audio<own',
    'unified.image<unified',
    'unified.text<unified',
    'expert.image<unified',
    'expert.text<unified',
  ]);
});

test('a modality of the expert alone is filled only from sources that the expert embeds', () => {
  expect(columns(['text', 'image'], ['text', 'touch'], 'text')).toContain('expert.touch<expert');
  expect(columns(['text', 'image'], ['text', 'touch'], 'image')).not.toContain('expert.touch<unified');
});

test('spaces that share nothing are refused with what each embeds', () => {
  const [u, e] = [space('u', { audio: [3, 4] }), space('e', { image: [3, 2], text: [3, 2] })];
  const call = (): unknown => checkPair(u, e);
  expect(call).toThrow(expect.objectContaining({ code: 'FREEBIND_BOND_INVALID' }));
  expect(call).toThrow(/"u" embeds audio and "e" embeds image, text/);
});

test('tables of a shared modality with different numbers of rows are refused', () => {
  expect(() => checkPair(space('u', { text: [3, 4] }), space('e', { text: [5, 2] }))).toThrow(
    /u\.text\.npy has 3 rows and e\.text\.npy has 5/,
  );
});

test('a space of two widths and an empty table are refused', () => {
  const expert = space('e', { text: [3, 2] });
  expect(() => checkPair(space('u', { text: [3, 4], audio: [9, 5] }), expert)).toThrow(/4 columns.*5/);
  expect(() => checkPair(space('u', { text: [3, 4], audio: [0, 4] }), expert)).toThrow(/u\.audio\.npy has no rows/);
});
