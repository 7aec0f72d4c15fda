import { FreebindError } from '../errors.ts';
import type { Table } from '../table.ts';
import { cosineTiles, type ScoringOptions } from './cosine-tiles.ts';

/**
 * Average precision, Σ (recallₜ − recallₜ₋₁) · precisionₜ over the distinct scores t from high to low: items of equal score
 * enter together, so the order of items does not matter (scikit-learn's `average_precision_score`, with which AudioSet's
 * figures are made). Undefined when nothing is relevant.
 *
 * @throws FREEBIND_NUMBER_INVALID for a NaN score, FREEBIND_ARGUMENT_INVALID when the lengths differ
 */
export function averagePrecision(scores: ArrayLike<number>, relevant: ArrayLike<boolean | number>): number | undefined {
  const n = scores.length;
  if (relevant.length !== n) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Average precision was given ${n} scores and ${relevant.length} marks of relevance; give one a score.`,
    );
  }
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    if (Number.isNaN(scores[i]))
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Score ${i} is NaN, which has no rank; every score must be a number.`,
      );
    order[i] = i;
  }
  order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  let found = 0; // relevant items so far
  let sum = 0; // Σ (relevant items at this score) · precision
  for (let i = 0, start = 0; i < n; i++) {
    if (i + 1 < n && scores[order[i + 1] ?? 0] === scores[order[i] ?? 0]) continue;
    const before = found;
    for (; start <= i; start++) if (relevant[order[start] ?? 0]) found++;
    sum += ((found - before) * found) / (i + 1);
  }
  return found === 0 ? undefined : sum / found;
}

/** What `evaluateMultiLabel` takes. */
export interface MultiLabelOptions extends ScoringOptions {
  /** [n, d] */
  readonly items: Table;
  /** [c, d]: one row a class, such as `embedClasses` makes. */
  readonly classes: Table;
  /** For each item the classes it carries; none is allowed. */
  readonly labels: readonly ArrayLike<number>[];
}

/** Multi-label zero-shot classification's figures. */
export interface MultiLabelReport {
  readonly items: number;
  /** Mean of `perClass` over the classes that some item carries, in [0, 1]. */
  readonly meanAveragePrecision: number;
  /** By class; undefined for classes that no item carries, which have no average precision. */
  readonly perClass: readonly (number | undefined)[];
}

/**
 * mAP of cosine scores against class embeddings (AudioSet's convention: each class ranks all items, the mean is over classes).
 *
 * @throws FREEBIND_ARGUMENT_INVALID for labels that do not fit or when no item carries any, FREEBIND_SHAPE_MISMATCH when
 * widths differ, FREEBIND_NUMBER_INVALID for rows without direction and NaN scores, FREEBIND_ABORTED
 */
export async function evaluateMultiLabel(options: MultiLabelOptions): Promise<MultiLabelReport> {
  const { items, classes, labels } = options;
  const carriers = itemsByClass(labels, items, classes);
  const perClass: (number | undefined)[] = [];
  const relevant = new Uint8Array(items.rows);
  for await (const { start, scores } of cosineTiles({ ...options, queries: classes, gallery: items })) {
    for (let r = 0; r < scores.rows; r++) {
      relevant.fill(0);
      for (const item of carriers[start + r] ?? []) relevant[item] = 1;
      const row = scores.data.subarray(r * scores.cols, (r + 1) * scores.cols);
      const nan = row.findIndex(Number.isNaN);
      if (nan >= 0) {
        throw new FreebindError(
          'FREEBIND_NUMBER_INVALID',
          `The score of class ${start + r} of ${classes.source} with item ${nan} of ${items.source} is NaN, which has no rank. Both rows are finite, so the backend is at fault; try another, and report this one.`,
        );
      }
      perClass.push(averagePrecision(row, relevant));
    }
  }
  const defined = perClass.filter((ap) => ap !== undefined);
  return { items: items.rows, meanAveragePrecision: defined.reduce((a, b) => a + b, 0) / defined.length, perClass };
}

function itemsByClass(
  labels: readonly ArrayLike<number>[],
  items: Table,
  classes: Table,
): readonly (readonly number[])[] {
  if (labels.length !== items.rows) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${items.source} has ${items.rows} rows, but labels were given for ${labels.length}; give a list, even an empty one, for each.`,
    );
  }
  const carriers = Array.from({ length: classes.rows }, (): number[] => []);
  labels.forEach((carried, item) => {
    for (let i = 0; i < carried.length; i++) {
      const into = carriers[carried[i] ?? -1];
      if (into === undefined) {
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `Item ${item} carries class ${carried[i]}, but ${classes.source} has classes 0 to ${classes.rows - 1}.`,
        );
      }
      into.push(item);
    }
  });
  if (carriers.every((carrying) => carrying.length === 0)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      'No item carries any class, so no class has an average precision; give labels.',
    );
  }
  return carriers;
}
