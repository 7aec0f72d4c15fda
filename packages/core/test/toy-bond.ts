import { ReferenceBackend } from '@freebind/backend-reference';
import { matrix, type Matrix, normaliseRows } from '../src/matrix.ts';
import { normalMatrix, random } from '../src/random.ts';
import { type Table, tableOf } from '../src/table.ts';
import type { TrainBondOptions } from '../src/training/bond.ts';

/** Topics that items of every modality are about; what makes pseudo pairs possible. */
const TOPICS = 12;

/** What each item of a modality is about. */
export function toyTopics(modality: string, rows: number): readonly number[] {
  const topic = random('toy', modality);
  return Array.from({ length: rows }, () => topic.below(TOPICS));
}

/** Rows of one modality in one space: a point for the item's topic, seen through the space's own map, and some noise. */
function toyRows(space: string, modality: string, rows: number, cols: number): Matrix {
  const points = normalMatrix(TOPICS, cols, random('toy', space));
  const noise = normalMatrix(rows, cols, random('toy', space, modality));
  const topics = toyTopics(modality, rows);
  const out = matrix(rows, cols);
  for (let r = 0; r < rows; r++) {
    const t = topics[r] ?? 0;
    for (let c = 0; c < cols; c++) {
      out.data[r * cols + c] = (points.data[t * cols + c] ?? 0) + 0.2 * (noise.data[r * cols + c] ?? 0);
    }
  }
  return normaliseRows(out);
}

/** A collection of unpaired items, as one space sees it. */
export function toySpace(
  space: string,
  cols: number,
  rows: Readonly<Record<string, number>>,
): TrainBondOptions['unified'] {
  const tables = Object.entries(rows).map(([modality, n]): [string, Table] => [
    modality,
    tableOf(toyRows(space, modality, n, cols), `${space}.${modality}.npy`),
  ]);
  return { space, tables: Object.fromEntries(tables) };
}

/** A displacement with three of its seven heads, of some ten steps, milliseconds each. */
export function toyBond(out: string, changes: Partial<TrainBondOptions> = {}): TrainBondOptions {
  return {
    kind: 'displacement',
    unified: toySpace('u', 10, { audio: 40, image: 36, text: 44 }),
    expert: toySpace('e', 8, { image: 36, text: 44 }),
    backend: new ReferenceBackend(),
    out,
    training: {
      heads: ['mix', 'A', 'TV'],
      batch: 16,
      hidden: 16,
      epochs: { displacement: 3, combination: 3 },
      temperature: 0.1,
      seed: 1,
    },
    checkpoints: { everySteps: 4 },
    ...changes,
  };
}
