import type { Direction } from '../evaluation/directions.ts';
import type { FactorAxis, FactorScores, Point } from './factor-scores.ts';

/** Points of a joint grid at most: what a Pareto front can be made of in a second. */
const POINTS = 2 ** 15;

/** Planes are searched again until no plane has a better point, but not more often. */
const ROUNDS = 3;

/** What a search is told: where to look, what for, and whom to tell. */
export interface Search {
  readonly scores: FactorScores;
  readonly weights: ReadonlyMap<Direction, number>;
  /** Factors on each side of a plane, from 0 to 1. */
  readonly steps: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Two factors that are shown together. */
export type Plane = readonly [x: number, y: number];

/** The weighted sum of a point's recalls. */
export function goalOf({ scores, weights }: Search, point: Point): number {
  return scores
    .values(point)
    .reduce((sum, value, d) => sum + value * (weights.get(scores.directions[d]?.direction ?? '→') ?? 0), 0);
}

/**
 * The best point of a joint grid over all factors. A modality with one factor gets all `steps`, one with several fewer a
 * factor, since its variants are their product. Of equal points the recipe's own comes first, then the one that mixes in least.
 */
export async function searchGrid(search: Search): Promise<Point> {
  const { scores, steps } = search;
  const counts = new Map<string, number>();
  for (const { modality } of scores.axes) counts.set(modality, (counts.get(modality) ?? 0) + 1);
  const variants = Math.min(steps, Math.floor(POINTS ** (1 / Math.max(1, counts.size))));
  const levels = scores.axes.map(({ modality }) =>
    Math.max(2, Math.round(variants ** (1 / (counts.get(modality) ?? 1)))),
  );
  const grid = levels.reduce<readonly Point[]>(
    (points, count) => points.flatMap((point) => ticks(count).map((factor) => point.concat(factor))),
    [[]],
  );
  return best(search, [scores.start, ...grid]);
}

/**
 * Climbs from a point: the best of every plane through it, at full resolution, then ever smaller steps along single factors,
 * down to a quarter of the plane's.
 */
export async function climb(search: Search, from: Point): Promise<Point> {
  let at = from;
  for (let round = 0; round < ROUNDS; round++) {
    const before = at;
    for (const plane of planesOf(search.scores.axes))
      at = await best(search, [at, ...planePoints(plane, at, search.steps)]);
    at = await stepAlong(search, at);
    if (at === before) break;
  }
  return at;
}

async function stepAlong(search: Search, from: Point): Promise<Point> {
  let at = from;
  const smallest = 1 / (4 * (search.steps - 1));
  for (let size = 1 / 8; size >= smallest; size /= 2) {
    for (const axis of search.scores.axes.keys()) {
      const moved = [-size, size].map((by) => at.map((factor, a) => (a === axis ? tidy(factor + by) : factor)));
      at = await best(search, [at, ...moved]);
    }
  }
  return at;
}

/** The first of the points with the highest goal. */
async function best(search: Search, points: readonly Point[]): Promise<Point> {
  await search.scores.score(points, search.onProgress);
  let [found = []] = points;
  let top = -Infinity;
  for (const point of points) {
    const goal = goalOf(search, point);
    if (goal > top) [found, top] = [point, goal];
  }
  return found;
}

/** The planes that tell about all factors: every two of one step; a factor that is alone in its step goes with another step's. */
export function planesOf(axes: readonly FactorAxis[]): readonly Plane[] {
  const planes = axes.flatMap((a, x) =>
    axes.flatMap((b, y): readonly Plane[] => (x < y && a.step === b.step ? [[x, y]] : [])),
  );
  const alone = [...axes.keys()].filter((axis) => !planes.some((plane) => plane.includes(axis)));
  const others = alone.flatMap((x): readonly Plane[] => {
    const y = [...axes.keys()].find((other) => axes[other]?.step !== axes[x]?.step);
    return y === undefined ? [] : [[x, y]];
  });
  return [...planes, ...others.filter(([x, y], i) => !others.slice(0, i).some(([p, q]) => p === y && q === x))];
}

/** The points of a plane through `through`, x by x. */
export function planePoints([x, y]: Plane, through: Point, steps: number): readonly Point[] {
  const factors = ticks(steps);
  return factors.flatMap((fx) =>
    factors.map((fy) => through.map((factor, a) => (a === x ? fx : a === y ? fy : factor))),
  );
}

/** `count` factors from 0 to 1. */
export function ticks(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => tidy(i / (count - 1)));
}

// Four digits are finer than any validation set can tell, and a person will read them.
function tidy(factor: number): number {
  return Math.min(1, Math.max(0, Math.round(factor * 1e4) / 1e4));
}
