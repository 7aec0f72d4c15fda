import { FreebindError } from '../errors.ts';
import { type Matrix, matrix, normaliseRows } from '../matrix.ts';
import type { Table } from '../table.ts';
import type { IntervalOptions } from './bootstrap.ts';
import { readUnit, type ScoringOptions } from './cosine-tiles.ts';
import { rankRightItems } from './ranks.ts';
import { checkKs, type RecallAt, recallAt } from './recall.ts';

const ROWS = 1024;

/**
 * One unit row a class, float64 [classes, d]: the mean of the class's normalised prompt rows, normalised (CLIP's prompt
 * ensembling; METHOD, "Evaluation"). Row i of `prompts` [n, d] is a filled-in template of class `classOf[i]`; classes are
 * numbered from 0 without gaps, and may have different numbers of templates.
 *
 * @throws FREEBIND_ARGUMENT_INVALID when `classOf` does not fit, FREEBIND_NUMBER_INVALID for rows without direction and for
 * a class whose prompts cancel
 */
export async function embedClasses(prompts: Table, classOf: ArrayLike<number>): Promise<Matrix> {
  if (classOf.length !== prompts.rows) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${prompts.source} has ${prompts.rows} prompt rows, but classes were given for ${classOf.length}.`,
    );
  }
  const classes = checkClasses(classOf);
  const sums = matrix(classes, prompts.cols, new Float64Array(classes * prompts.cols));
  for (let start = 0; start < prompts.rows; start += ROWS) {
    const rows = await readUnit(prompts, start, Math.min(start + ROWS, prompts.rows));
    for (let r = 0; r < rows.rows; r++) {
      const into = (classOf[start + r] ?? 0) * prompts.cols;
      for (let c = 0; c < prompts.cols; c++)
        sums.data[into + c] = (sums.data[into + c] ?? 0) + (rows.data[r * prompts.cols + c] ?? 0);
    }
  }
  for (let c = 0; c < classes; c++) {
    if (sums.data.subarray(c * prompts.cols, (c + 1) * prompts.cols).every((x) => x === 0)) {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `The prompts of class ${c} in ${prompts.source} cancel to a zero row, which points nowhere. Give that class other templates.`,
      );
    }
  }
  return normaliseRows(sums); // The sum and the mean have one direction.
}

/** What `evaluateZeroShot` takes. */
export interface ZeroShotOptions extends ScoringOptions {
  /** [n, d]: the items to classify. */
  readonly items: Table;
  /** [c, d]: one row a class, such as `embedClasses` makes. */
  readonly classes: Table;
  /** The right class of each item. */
  readonly labels: ArrayLike<number>;
  /** Default 1 and 5. */
  readonly ks?: readonly number[];
  readonly interval?: IntervalOptions;
}

/** Zero-shot classification's figures. */
export interface ZeroShotReport {
  readonly items: number;
  readonly classes: number;
  /** Top-k accuracy; equal scores keep the lower class. */
  readonly accuracy: readonly RecallAt[];
}

/**
 * Top-k accuracy of taking each item's nearest classes by cosine.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for labels that do not fit, and what `rankRightItems` throws
 */
export async function evaluateZeroShot(options: ZeroShotOptions): Promise<ZeroShotReport> {
  const { items, classes, labels, ks = [1, 5], interval } = options;
  checkKs(ks);
  const right = Array.from({ length: labels.length }, (_, item) => [labels[item] ?? -1]);
  const ranks = await rankRightItems({ ...options, queries: items, gallery: classes, right });
  const accuracy = recallAt(
    ks,
    ranks,
    right.map(() => 1),
    classes.rows,
    interval,
  );
  return { items: items.rows, classes: classes.rows, accuracy };
}

/** The number of classes, each seen at least once. */
function checkClasses(classOf: ArrayLike<number>): number {
  const seen = new Set<number>();
  for (let i = 0; i < classOf.length; i++) seen.add(classOf[i] ?? -1);
  for (let c = 0; c < seen.size; c++) {
    if (!seen.has(c)) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `Prompts were given for ${seen.size} classes, but none for class ${c}; number the classes 0 to ${seen.size - 1} without gaps.`,
      );
    }
  }
  return seen.size;
}
