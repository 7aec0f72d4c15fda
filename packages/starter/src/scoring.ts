import {
  type Backend,
  bootstrapMeans,
  type DirectionScores,
  type Estimate,
  evaluateDirections,
  type Matrix,
} from '@freebind/core';
import {
  DIRECTIONS,
  type Direction,
  type DirectionResult,
  type Figure,
  type Modality,
  type ResultRow,
} from './result.ts';

/** Rows by modality, [n, d] of one width, row i being the same concept in each: what can be searched by cosine. */
export type Searchable = Readonly<Partial<Record<Modality, Matrix>>>;

/** A row of the table before it is measured. One that scores differently by direction gives several searchables. */
export type Candidate = Pick<ResultRow, 'id' | 'name' | 'kind' | 'note'>;

/** A row of the table, and the ranks behind it. */
export interface Measured {
  readonly row: ResultRow;
  /** 0-based rank of the right item for every concept, by direction. */
  readonly ranks: ReadonlyMap<Direction, Int32Array>;
}

/** The directions that no expert knows. */
const BINDING = DIRECTIONS.filter((direction) => !direction.includes('text'));

/** Measures one candidate on one split: every direction of its searchables, each interval from the same draws of concepts. */
export async function measure(
  candidate: Candidate,
  split: ResultRow['split'],
  searchables: readonly Searchable[],
  options: { readonly backend: Backend; readonly seed: number; readonly resamples: number },
): Promise<Measured> {
  const { backend, seed, resamples } = options;
  const interval = { seed, resamples };
  const found = new Map<Direction, DirectionResult>();
  const ranks = new Map<Direction, Int32Array>();
  for (const modalities of searchables) {
    const present = Object.fromEntries(
      Object.entries(modalities).flatMap(([modality, rows]) => (rows === undefined ? [] : [[modality, rows] as const])),
    );
    const report = await evaluateDirections({ modalities: present, backend, interval });
    for (const direction of DIRECTIONS) {
      const scores = report.directions.find((each) => each.direction === direction);
      const own = report.ranks.get(direction);
      if (scores === undefined || own === undefined) continue;
      found.set(direction, resultOf(scores));
      ranks.set(direction, own);
    }
  }
  const present = DIRECTIONS.filter((direction) => ranks.has(direction));
  const binding = present.filter((direction) => BINDING.includes(direction));
  const row: ResultRow = {
    ...candidate,
    split,
    // Every direction is put in, so the record is whole.
    directions: Object.fromEntries(
      DIRECTIONS.map((direction) => [direction, found.get(direction) ?? null]),
    ) as ResultRow['directions'],
    mean: meanFigure(present, ranks, 1, interval),
    audioImage: binding.length < 2 ? null : meanFigure(binding, ranks, 5, interval),
  };
  return { row, ranks };
}

/** `row` with how far it is from `base` on the same concepts; a row that lacks directions is left as it is. */
export function withChange(
  { row, ranks }: Measured,
  base: Measured,
  interval: { readonly seed: number; readonly resamples: number },
): ResultRow {
  if (row.id === base.row.id || ranks.size < base.ranks.size) return row;
  const change = (directions: readonly Direction[], k: number): Figure => {
    const before = shareOf(directions, base.ranks, k);
    return figureOf(
      shareOf(directions, ranks, k).map((x, i) => x - (before[i] ?? 0)),
      interval,
    );
  };
  return { ...row, change: { mean: change(DIRECTIONS, 1), audioImage: change(BINDING, 5) } };
}

function meanFigure(
  directions: readonly Direction[],
  ranks: ReadonlyMap<Direction, Int32Array>,
  k: number,
  interval: { readonly seed: number; readonly resamples: number },
): Figure {
  return figureOf(shareOf(directions, ranks, k), interval);
}

/** A concept's share of directions in which it was found among the first `k`, [n]. */
function shareOf(directions: readonly Direction[], ranks: ReadonlyMap<Direction, Int32Array>, k: number): Float64Array {
  const columns = directions.map((direction) => ranks.get(direction) ?? new Int32Array());
  const found = (i: number): number => columns.filter((column) => (column[i] ?? k) < k).length;
  return Float64Array.from({ length: columns[0]?.length ?? 0 }, (_, i) => found(i) / columns.length);
}

function figureOf(share: Float64Array, interval: { readonly seed: number; readonly resamples: number }): Figure {
  const [ends] = bootstrapMeans([share], interval);
  const value = share.reduce((sum, x) => sum + x, 0) / share.length;
  return percent({ value, low: ends?.low ?? value, high: ends?.high ?? value });
}

function resultOf({ items, recall, medianRank }: DirectionScores): DirectionResult {
  const at = (k: number): { readonly figure: Figure; readonly chance: number } => {
    const found = recall.find((each) => each.k === k) ?? { value: 0, low: 0, high: 0, chance: 0 };
    return { figure: percent(found), chance: tidy(found.chance * 100) };
  };
  const [r1, r5, r10] = [at(1), at(5), at(10)];
  return {
    queries: items,
    gallery: items,
    chance: { r1: r1.chance, r5: r5.chance, r10: r10.chance },
    r1: r1.figure,
    r5: r5.figure,
    r10: r10.figure,
    medianRank: { value: medianRank.value, low: tidy(medianRank.low), high: tidy(medianRank.high) },
  };
}

/** Shares as percentages. */
export function percent({ value, low, high }: Estimate): Figure {
  return { value: tidy(value * 100), low: tidy(low * 100), high: tidy(high * 100) };
}

/** Four decimals: more than any figure here means, and less than where two machines' sums part. */
export function tidy(x: number): number {
  return Number(x.toFixed(4));
}
