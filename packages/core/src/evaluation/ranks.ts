import { FreebindError } from '../errors.ts';
import type { Reals } from '../matrix.ts';
import type { Table } from '../table.ts';
import { cosineTiles, type ScoringOptions } from './cosine-tiles.ts';

/** A question to a gallery: which of its rows are right for each query. */
export interface RankOptions extends ScoringOptions {
  /** [n, d], of any length but zero. */
  readonly queries: Table;
  /** [m, d], of any length but zero. */
  readonly gallery: Table;
  /** For each query the gallery rows that are right, at least one. */
  readonly right: readonly ArrayLike<number>[];
}

/**
 * For each query, how many gallery rows come before the best right one, [n]: 0 is a hit at one. Rows are ordered by cosine;
 * equal scores keep the lower index. Scores are made in tiles, so memory does not grow with n · m.
 *
 * @throws FREEBIND_ARGUMENT_INVALID when a query has no right row or one that is not in the gallery,
 * FREEBIND_NUMBER_INVALID for a NaN score or a row without direction, FREEBIND_SHAPE_MISMATCH when the widths differ
 */
export async function rankRightItems(options: RankOptions): Promise<Int32Array> {
  const { queries, gallery, right } = options;
  checkRight(right, queries, gallery);
  const ranks = new Int32Array(queries.rows);
  for await (const { start, scores } of cosineTiles(options)) {
    const { rows, cols, data } = scores;
    for (let r = 0; r < rows; r++) {
      const query = start + r;
      const ahead = countAhead(data.subarray(r * cols, (r + 1) * cols), right[query] ?? []);
      if (ahead < 0) throw notANumber(query, -1 - ahead, queries, gallery);
      ranks[query] = ahead;
    }
  }
  return ranks;
}

/** How many scores come before the best of `right`; −1 − i when score i is NaN. */
function countAhead(scores: Reals, right: ArrayLike<number>): number {
  let best = -1;
  let top = -Infinity;
  for (let i = 0; i < right.length; i++) {
    const item = right[i] ?? 0;
    const score = scores[item] ?? 0;
    if (best === -1 || score > top || (score === top && item < best)) {
      best = item;
      top = score;
    }
  }
  // Sums of truths and two loops rather than an `if`: a branch that half the scores take costs four times as much.
  let ahead = 0;
  let sum = 0; // NaN once a score is
  for (let item = 0; item < best; item++) {
    const score = scores[item] ?? 0;
    ahead += Number(score >= top);
    sum += score;
  }
  for (let item = best; item < scores.length; item++) {
    const score = scores[item] ?? 0;
    ahead += Number(score > top);
    sum += score;
  }
  const nan = Number.isNaN(sum) ? scores.findIndex(Number.isNaN) : -1;
  return nan < 0 ? ahead : -1 - nan;
}

function checkRight(right: readonly ArrayLike<number>[], queries: Table, gallery: Table): void {
  if (right.length !== queries.rows) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Right items were given for ${right.length} queries, but ${queries.source} has ${queries.rows} rows.`,
    );
  }
  right.forEach((items, query) => {
    if (items.length === 0) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `Query ${query} of ${queries.source} has no right item, so no answer to it can be right. Pair it with at least one row of ${gallery.source}, or leave it out.`,
      );
    }
    for (let i = 0; i < items.length; i++) {
      const item = items[i] ?? -1;
      if (!Number.isSafeInteger(item) || item < 0 || item >= gallery.rows) {
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `Query ${query} of ${queries.source} names item ${item} as right, but ${gallery.source} has rows 0 to ${gallery.rows - 1}.`,
        );
      }
    }
  });
}

function notANumber(query: number, item: number, queries: Table, gallery: Table): FreebindError {
  return new FreebindError(
    'FREEBIND_NUMBER_INVALID',
    `The score of query ${query} of ${queries.source} with item ${item} of ${gallery.source} is NaN, which has no rank. Both rows are finite, so the backend is at fault; try another with --backend, and report this one.`,
  );
}
