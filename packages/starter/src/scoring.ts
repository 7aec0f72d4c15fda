import { type Backend, bootstrapMeans, evaluateDirections, type Searchable } from '@freebind/core';
import { directionResult, percent } from '@freebind/report';
import { DIRECTIONS, type Direction, type DirectionResult, type Figure, type ResultRow } from './result.ts';

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
      found.set(direction, directionResult(scores));
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
