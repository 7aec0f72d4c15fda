import { FreebindError } from '../errors.ts';
import { selectRows, type Table } from '../table.ts';
import type { IntervalOptions } from './bootstrap.ts';
import type { ScoringOptions } from './cosine-tiles.ts';
import { type RankOptions, rankRightItems } from './ranks.ts';
import { checkKs, type RecallAt, recallAt } from './recall.ts';

/** What `evaluateRetrieval` takes. */
export interface RetrievalOptions extends ScoringOptions {
  /** [n, d]: captions, sounds, …; every row needs a right item. */
  readonly queries: Table;
  /** [m, d]. Rows that no pair names are distractors: they are found, but ask nothing. */
  readonly gallery: Table;
  /** (query row, gallery row) of everything that belongs together; default: row i with row i. */
  readonly pairs?: readonly (readonly [query: number, item: number])[];
  /** Default 1, 5, 10. */
  readonly ks?: readonly number[];
  /** Adds bootstrap intervals to every recall. */
  readonly interval?: IntervalOptions;
}

/** One direction's figures. Ranks count from 1 here, as papers print them. */
export interface RetrievalScores {
  /** Rows that asked. */
  readonly queries: number;
  /** Rows that each was looked for among. */
  readonly items: number;
  readonly recall: readonly RecallAt[];
  readonly medianRank: number;
  readonly meanRank: number;
  /** Mean of 1 / rank, in (0, 1]. */
  readonly meanReciprocalRank: number;
}

/** Retrieval in both directions. */
export interface RetrievalReport {
  readonly queryToItem: RetrievalScores;
  readonly itemToQuery: RetrievalScores;
}

/**
 * Cross-modal retrieval by cosine, both ways. With several captions an item, a caption has one right item, and an item's
 * answer is right if any of its captions is: the best-ranked one counts (COCO, Flickr30K, AudioCaps and Clotho conventions).
 * Equal scores keep the lower index.
 *
 * @throws FREEBIND_ROWS_MISALIGNED when there are no pairs and the tables differ in rows, FREEBIND_ARGUMENT_INVALID for pairs
 * out of range, given twice or missing for a query, FREEBIND_SHAPE_MISMATCH when widths differ, FREEBIND_NUMBER_INVALID for
 * rows that are NaN, infinite or zero and for NaN scores, FREEBIND_ABORTED
 */
export async function evaluateRetrieval(options: RetrievalOptions): Promise<RetrievalReport> {
  const { queries, gallery, ks = [1, 5, 10], interval } = options;
  checkKs(ks);
  const pairs = options.pairs ?? alignedPairs(queries, gallery);
  checkPairs(pairs, queries, gallery);
  const rightItems = group(pairs, queries.rows);
  const rightQueries = group(
    pairs.map(([query, item]) => [item, query]),
    gallery.rows,
  );
  // Gallery rows without a pair stay in the gallery, and are skipped when the gallery asks.
  const asking = Int32Array.from(rightQueries.keys()).filter((item) => (rightQueries[item] ?? []).length > 0);
  const total = queries.rows + asking.length;
  const ask = (side: Pick<RankOptions, 'queries' | 'gallery' | 'right'>, before: number): Promise<RetrievalScores> =>
    score({ ...options, ...side, onProgress: (done) => options.onProgress?.(before + done, total) }, ks, interval);
  return {
    queryToItem: await ask({ queries, gallery, right: rightItems }, 0),
    itemToQuery: await ask(
      {
        queries: asking.length === gallery.rows ? gallery : selectRows(gallery, asking),
        gallery: queries,
        right: rightQueries.filter((rows) => rows.length > 0),
      },
      queries.rows,
    ),
  };
}

async function score(
  options: RankOptions,
  ks: readonly number[],
  interval: IntervalOptions | undefined,
): Promise<RetrievalScores> {
  const ranks = await rankRightItems(options);
  const counts = options.right.map((items) => items.length);
  const sorted = ranks.toSorted();
  const half = (sorted.length - 1) / 2;
  return {
    queries: ranks.length,
    items: options.gallery.rows,
    recall: recallAt(ks, ranks, counts, options.gallery.rows, interval),
    medianRank: 1 + ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half)] ?? 0)) / 2,
    meanRank: 1 + ranks.reduce((a, b) => a + b, 0) / ranks.length,
    meanReciprocalRank: ranks.reduce((a, b) => a + 1 / (1 + b), 0) / ranks.length,
  };
}

function alignedPairs(queries: Table, gallery: Table): RetrievalOptions['pairs'] & object {
  if (queries.rows !== gallery.rows) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `${queries.source} has ${queries.rows} rows and ${gallery.source} has ${gallery.rows}, so row i cannot belong to row i. Say with pairs which query row belongs to which gallery row.`,
    );
  }
  return Array.from({ length: queries.rows }, (_, row): [number, number] => [row, row]);
}

function checkPairs(pairs: readonly (readonly [number, number])[], queries: Table, gallery: Table): void {
  const seen = new Set<number>();
  pairs.forEach(([query, item], i) => {
    for (const [row, table] of [[query, queries] as const, [item, gallery] as const]) {
      if (!Number.isSafeInteger(row) || row < 0 || row >= table.rows) {
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `Pair ${i}, [${query}, ${item}], names row ${row} of ${table.source}, which has rows 0 to ${table.rows - 1}. A pair is [query row, gallery row], counted from 0.`,
        );
      }
    }
    const key = query * gallery.rows + item;
    if (seen.has(key)) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `Pair ${i}, [${query}, ${item}], was given before; give each pair once.`,
      );
    }
    seen.add(key);
  });
}

/** The second numbers of `pairs` by their first, for firsts 0 to `rows` − 1. */
function group(pairs: readonly (readonly [number, number])[], rows: number): readonly (readonly number[])[] {
  const groups = Array.from({ length: rows }, (): number[] => []);
  for (const [row, other] of pairs) groups[row]?.push(other);
  return groups;
}
