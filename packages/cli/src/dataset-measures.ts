import {
  embedClasses,
  evaluateMultiLabel,
  evaluateRetrieval,
  evaluateZeroShot,
  type Matrix,
  matrix,
  type ScoringOptions,
  tableOf,
} from '@freebind/core';
import {
  type ClassificationSet,
  promptsOf,
  type RetrievalSet,
  type SetSide,
  type TaggingSet,
} from '@freebind/datasets';
import type { DatasetReport } from './dataset-report.ts';

/** A side's rows in the bound space, and which items they are of. */
export interface ComposedSide {
  readonly rows: Matrix;
  /** Row of each item, by its place in the side; undefined where it has none. */
  readonly rowOf: readonly (number | undefined)[];
  readonly skipped: readonly string[];
}

/** Gives a side's rows in the bound space. */
export type Compose = (side: SetSide) => Promise<ComposedSide>;
/** What an evaluation finds. */
export type Measures = Pick<DatasetReport, 'measured' | 'items' | 'skipped'>;

/** Recall in both directions and their mean; what could not be read takes what was paired with it out as well. */
export async function measureRetrieval(
  set: RetrievalSet,
  compose: Compose,
  scoring: ScoringOptions,
): Promise<Measures> {
  const [queries, gallery] = [await compose(set.queries), await compose(set.gallery)];
  const pairs = set.pairs.flatMap(([query, item]): readonly (readonly [number, number])[] => {
    const [q, g] = [queries.rowOf[query], gallery.rowOf[item]];
    return q === undefined || g === undefined ? [] : [[q, g]];
  });
  const asking = [...new Set(pairs.map(([query]) => query))].toSorted((a, b) => a - b);
  const found = [...new Set(pairs.map(([, item]) => item))].toSorted((a, b) => a - b);
  const [queryAt, itemAt] = [placed(asking), placed(found)];
  const { queryToItem, itemToQuery } = await evaluateRetrieval({
    ...scoring,
    queries: tableOf(pick(queries.rows, asking), `${set.queries.modality} of ${set.dataset}`),
    gallery: tableOf(pick(gallery.rows, found), `${set.gallery.modality} of ${set.dataset}`),
    pairs: pairs.map(([query, item]) => [queryAt.get(query) ?? -1, itemAt.get(item) ?? -1] as const),
  });
  const recalls = [queryToItem, itemToQuery].map(({ recall }) =>
    Object.fromEntries(recall.map(({ k, rate }) => [`R@${k}`, 100 * rate])),
  );
  const [left, right] = [set.queries.modality, set.gallery.modality];
  const mean = Object.fromEntries(
    Object.entries(recalls[0] ?? {}).map(([name, value]) => [name, (value + (recalls[1]?.[name] ?? NaN)) / 2]),
  );
  return {
    measured: [
      { name: `${left} → ${right}`, figures: recalls[0] ?? {} },
      { name: `${right} → ${left}`, figures: recalls[1] ?? {} },
      { name: 'mean of both', figures: mean },
    ],
    items: { [left]: asking.length, [right]: found.length },
    skipped: [...queries.skipped, ...gallery.skipped],
  };
}

/** Zero-shot accuracy, or mAP where items carry several classes. */
export async function measureClasses(
  set: ClassificationSet | TaggingSet,
  compose: Compose,
  scoring: ScoringOptions,
): Promise<Measures> {
  const { side, classOf } = promptsOf(set);
  const [media, prompts] = [await compose(set.media), await compose(side)];
  const numbers = side.items.flatMap((_, i) => (prompts.rowOf[i] === undefined ? [] : [classOf[i] ?? -1]));
  const classes = tableOf(await embedClasses(tableOf(prompts.rows, 'the prompts'), numbers), 'the classes');
  const kept = set.media.items.flatMap((_, i) => (media.rowOf[i] === undefined ? [] : [i]));
  const rows = kept.map((i) => media.rowOf[i] ?? -1);
  const items = tableOf(pick(media.rows, rows), `${set.media.modality} of ${set.dataset}`);
  const counts = { [set.media.modality]: kept.length, classes: set.classes.length };
  const rest = { items: counts, skipped: [...media.skipped, ...prompts.skipped] };
  const name = `${set.media.modality}, zero-shot`;
  if (set.task === 'tagging') {
    const labels = kept.map((i) => set.labels[i] ?? []);
    const { meanAveragePrecision } = await evaluateMultiLabel({ ...scoring, items, classes, labels });
    return { measured: [{ name, figures: { mAP: 100 * meanAveragePrecision } }], ...rest };
  }
  const labels = kept.map((i) => set.labels[i] ?? -1);
  const { accuracy } = await evaluateZeroShot({ ...scoring, items, classes, labels });
  const figures = Object.fromEntries(accuracy.map(({ k, rate }) => [`top-${k}`, 100 * rate]));
  return { measured: [{ name, figures }], ...rest };
}

/** Rows of a matrix, copied unless they are all of them in order. */
function pick(from: Matrix, rows: readonly number[]): Matrix {
  if (rows.length === from.rows && rows.every((row, i) => row === i)) return from;
  const picked = matrix(rows.length, from.cols);
  rows.forEach((row, i) => picked.data.set(from.data.subarray(row * from.cols, (row + 1) * from.cols), i * from.cols));
  return picked;
}

/** The place of each of `rows` among them. */
function placed(rows: readonly number[]): ReadonlyMap<number, number> {
  return new Map(rows.map((row, place) => [row, place]));
}
