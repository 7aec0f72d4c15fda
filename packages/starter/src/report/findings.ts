import type { Direction, Figure, QuickstartResult, ResultRow } from '../result.ts';

/**
 * How a figure compares with another. Where the interval of their difference was not measured, two 95 % intervals that do
 * not touch are a stricter test, so `unclear` then also holds some differences that are real.
 */
export type Verdict = 'higher' | 'lower' | 'unclear';

/** `after` against `before`, by the interval of their difference where it was measured. */
export function compare(before: Figure, after: Figure, change?: Figure | null): Verdict {
  if (change) return change.low > 0 ? 'higher' : change.high < 0 ? 'lower' : 'unclear';
  if (after.low > before.high) return 'higher';
  if (after.high < before.low) return 'lower';
  return 'unclear';
}

/** The rows that the headline compares, on one split; `undefined` where the result has none. */
export function headlineRows(
  { rows, headline }: Pick<QuickstartResult, 'rows' | 'headline'>,
  split: ResultRow['split'],
): { readonly before: ResultRow; readonly after: ResultRow } | undefined {
  const find = (id: string): ResultRow | undefined => rows.find((row) => row.id === id && row.split === split);
  const [before, after] = [find(headline.before), find(headline.after)];
  return before && after && { before, after };
}

/** The directions in which binding raised R@1, did nothing that can be told from noise, or lowered it. */
export function sortDirections(
  before: ResultRow,
  after: ResultRow,
  directions: readonly Direction[],
): Readonly<Record<Verdict, readonly Direction[]>> {
  const sorted: Record<Verdict, Direction[]> = { higher: [], unclear: [], lower: [] };
  for (const direction of directions) {
    const [b, a] = [before.directions[direction], after.directions[direction]];
    if (b && a) sorted[compare(b.r1, a.r1)].push(direction);
  }
  return sorted;
}
