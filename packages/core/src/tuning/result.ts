import type { Direction } from '../evaluation/directions.ts';
import type { Factors, Recipe } from '../recipe.ts';
import type { Point } from './factor-scores.ts';
import { paretoFront } from './pareto.ts';
import { goalOf, type Plane, planePoints, type Search, ticks } from './search.ts';

/** A choice of factors and what it gives on the validation set. */
export interface TunedPoint {
  /** By step and modality: `2.text`. */
  readonly factors: Factors;
  /** Recall at k, in [0, 1]. */
  readonly values: Readonly<Record<Direction, number>>;
  /** The goal's weighted mean of them. */
  readonly goal: number;
}

/** Recall at k of one direction over two factors, the others as chosen: the kind of FreeBind's Figures 3 to 5. */
export interface Surface {
  readonly direction: Direction;
  /** Counted from 1. */
  readonly stepX: number;
  readonly modalityX: string;
  readonly xs: readonly number[];
  readonly stepY: number;
  readonly modalityY: string;
  readonly ys: readonly number[];
  /** `values[x][y]`, in [0, 1]. */
  readonly values: readonly (readonly number[])[];
  /** What the base space gives without any bond; null where it lacks a modality. */
  readonly base: number | null;
}

/** One way to apply some of the bonds. */
export interface Candidate {
  /** Recipe text without factors. */
  readonly recipe: string;
  /** The best of its grid; absent when it cannot be run. */
  readonly best?: TunedPoint;
  /** Why it cannot be run. */
  readonly refused?: string;
}

/** What `tuneRecipe` gives. */
export interface TuneResult {
  /** The recipe of the bonds that were chosen, with the chosen factors as a preset. */
  readonly recipe: Recipe;
  readonly preset: string;
  /** Weights that sum to 1. */
  readonly goal: Readonly<Record<Direction, number>>;
  readonly k: number;
  /** Validation items. */
  readonly items: number;
  readonly directions: readonly Direction[];
  readonly best: TunedPoint;
  /** The chosen bonds with the factors that they had before. */
  readonly untuned: TunedPoint;
  /** Recall of the base space without any bond; null where it lacks a modality. */
  readonly base: Readonly<Record<Direction, number | null>>;
  readonly candidates: readonly Candidate[];
  /** For each direction the point that is best in it, and of several the one that is best for the goal. */
  readonly bestOf: Readonly<Record<Direction, TunedPoint>>;
  /** Points that no other beats in every direction: of the goal's where it has several, else of all. Best for the goal first. */
  readonly pareto: readonly TunedPoint[];
  readonly surfaces: readonly Surface[];
}

/** A point with what it gives. */
export function describePoint(search: Search, point: Point): TunedPoint {
  const { scores } = search;
  const values = scores.values(point);
  return {
    factors: scores.factors(point),
    values: Object.fromEntries(scores.directions.map(({ direction }, d) => [direction, values[d] ?? NaN])),
    goal: goalOf(search, point),
  };
}

/** The scored point that is best in each direction. */
export function bestPoints(search: Search): TuneResult['bestOf'] {
  const { scores } = search;
  const points = scores.points.map((point) => ({ point, values: scores.values(point), goal: goalOf(search, point) }));
  const found = scores.directions.map(({ direction }, d) => {
    const [first, ...others] = points;
    if (first === undefined) throw new Error('Nothing was scored.');
    const better = (a: typeof first, b: typeof first): boolean =>
      (a.values[d] ?? 0) > (b.values[d] ?? 0) || (a.values[d] === b.values[d] && a.goal > b.goal);
    const { point } = others.reduce((top, each) => (better(each, top) ? each : top), first);
    return [direction, describePoint(search, point)] as const;
  });
  return Object.fromEntries(found);
}

/** The Pareto front of all scored points, best for the goal first. */
export function frontOf(search: Search): readonly TunedPoint[] {
  const { scores, weights } = search;
  const counted = scores.directions.flatMap(({ direction }, d) =>
    weights.size < 2 || weights.has(direction) ? [d] : [],
  );
  const valuesOf = (point: Point): readonly number[] => {
    const values = scores.values(point);
    return counted.map((d) => values[d] ?? 0);
  };
  return paretoFront(scores.points, valuesOf)
    .map((point) => describePoint(search, point))
    .sort((a, b) => b.goal - a.goal);
}

/** Every direction over a plane through a point. */
export async function surfacesOf(
  search: Search,
  plane: Plane,
  { through, base }: { readonly through: Point; readonly base: TuneResult['base'] },
): Promise<readonly Surface[]> {
  const { scores, steps } = search;
  const points = planePoints(plane, through, steps);
  await scores.score(points, search.onProgress);
  const rows = points.map((point) => scores.values(point));
  const [x, y] = plane.map((axis) => scores.axes[axis]);
  if (x === undefined || y === undefined) throw new Error('A plane has two factors.');
  return scores.directions.map(({ direction }, d) => ({
    direction,
    stepX: x.step,
    modalityX: x.modality,
    xs: ticks(steps),
    stepY: y.step,
    modalityY: y.modality,
    ys: ticks(steps),
    values: ticks(steps).map((_, i) => rows.slice(i * steps, (i + 1) * steps).map((values) => values[d] ?? NaN)),
    base: base[direction] ?? null,
  }));
}
