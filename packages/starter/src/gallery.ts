import { type Backend, type Searchable, tableOf } from '@freebind/core';
import { DIRECTIONS, type Direction, type Gallery, type Retrieved } from './result.ts';
import { endsOf } from './factors.ts';
import type { Measured } from './scoring.ts';
import type { Starter } from './starter.ts';

/** What every test concept retrieves before and after binding. */
export async function makeGallery(
  starter: Starter,
  before: { readonly rows: Searchable; readonly measured: Measured },
  after: { readonly rows: Searchable; readonly measured: Measured },
  backend: Backend,
): Promise<Gallery> {
  const { audio, image } = starter.evaluation;
  return {
    split: 'test',
    concepts: starter.splits.test.map((row) => {
      const { id = '', glyph = '', label = '' } = starter.concepts[row] ?? {};
      return { id, glyph, label };
    }),
    before: await retrieveAll(before, backend),
    after: await retrieveAll(after, backend),
    rows: { before: before.measured.row.id, after: after.measured.row.id },
    media: { audio: `voice ${audio}`, image: `drawings of ${image}`, text: 'label' },
  };
}

async function retrieveAll(
  { rows, measured }: { readonly rows: Searchable; readonly measured: Measured },
  backend: Backend,
): Promise<Gallery['before']> {
  const found: [Direction, readonly Retrieved[]][] = [];
  for (const direction of DIRECTIONS) {
    const [query, item] = endsOf(direction).map((modality) => rows[modality]);
    const ranks = measured.ranks.get(direction);
    if (query === undefined || item === undefined || ranks === undefined) continue;
    const bank = await backend.openBank({ keys: tableOf(item) });
    try {
      const { indices } = await bank.topK(query, 5);
      const nearest = (i: number, k: number): number => indices[i * 5 + k] ?? -1;
      found.push([
        direction,
        Array.from(ranks, (rank, i): Retrieved => [
          nearest(i, 0),
          nearest(i, 1),
          nearest(i, 2),
          nearest(i, 3),
          nearest(i, 4),
          rank + 1,
        ]),
      ]);
    } finally {
      await bank.close();
    }
  }
  // U and the bound space search in all six directions.
  return Object.fromEntries(found) as Gallery['before'];
}
