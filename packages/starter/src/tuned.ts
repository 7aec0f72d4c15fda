import { type Backend, formatRecipe, type Recipe, type Searchable, type Tables } from '@freebind/core';
import { tidy } from '@freebind/report';
import { type Bonds, type Projected, projectRows } from './bonds.ts';
import { axesOf, bestChoice, choicesOf, type FactorGrid, keyed, meanRecall, scoreGrid } from './factors.ts';
import type { Direction, FactorSurface, ParetoPoint } from './result.ts';

/** A recipe with its factors chosen on validation concepts. */
export interface Tuned {
  readonly bonds: Pick<Bonds, 'recipe' | 'bonds'>;
  /** `2.audio`: 0.7, … */
  readonly factors: Readonly<Record<string, number>>;
  /** What was tried, in order; `value` in percent. */
  readonly steps: readonly { readonly name: string; readonly tried: number; readonly value: number }[];
  /** The coarse grid, and which of its choices is nearest to the chosen one. */
  readonly grid: FactorGrid;
  readonly coarse: readonly number[];
}

const COARSE = Array.from({ length: 11 }, (_, i) => i / 10);
/** Around the best coarse choice. */
const FINE = [-0.05, 0, 0.05];

/** Chooses every factor of a recipe, coarse to fine, for the largest mean R@1 over the space's directions on `validation`. */
export async function tuneFactors(
  bonds: Pick<Bonds, 'recipe' | 'bonds'>,
  validation: Tables,
  backend: Backend,
): Promise<Tuned> {
  const projected = await projectRows(bonds, validation, backend);
  try {
    const axes = axesOf(projected);
    const grid = await scoreGrid(
      projected,
      axes.map(() => COARSE),
      backend,
    );
    const first = bestChoice(grid);
    const around = axes.map((_, a) => {
      const middle = COARSE[first.choice[a] ?? 0] ?? 0;
      // The middle comes first, so that equal figures stay with the coarse choice.
      return [0, ...FINE.filter((x) => x !== 0)].map((x) => tidy(middle + x)).filter((x) => x >= 0 && x <= 1);
    });
    const fine = await scoreGrid(projected, around, backend);
    const second = bestChoice(fine);
    return {
      bonds,
      factors: keyed(fine, second.choice),
      steps: [
        { name: 'every factor from 0 to 1 in steps of 0.1', tried: first.tried, value: tidy(first.value * 100) },
        { name: 'around the best, in steps of 0.05', tried: second.tried, value: tidy(second.value * 100) },
      ],
      grid,
      coarse: first.choice,
    };
  } finally {
    await projected.composition.close();
  }
}

/** The rows of a tuned recipe for one folder of tables. */
export async function composeRows({ bonds, factors }: Tuned, tables: Tables, backend: Backend): Promise<Searchable> {
  const { composition, projections }: Projected = await projectRows(bonds, tables, backend);
  try {
    const chosen = composition.factors(factors);
    const rows: Record<string, Searchable[keyof Searchable]> = {};
    for (const [modality, projection] of Object.entries(projections))
      rows[modality] = await composition.mix(projection, chosen);
    return rows;
  } finally {
    await composition.close();
  }
}

/** A recipe with the chosen factors written into its steps. */
export function withFactors(recipe: Recipe, factors: Readonly<Record<string, number>>): Recipe {
  return {
    ...recipe,
    steps: recipe.steps.map((step, i) => {
      const own = Object.entries(factors).flatMap(([key, factor]): [string, number][] =>
        key.startsWith(`${i + 1}.`) ? [[key.slice(`${i + 1}.`.length), factor]] : [],
      );
      return own.length === 0 ? step : { ...step, factors: Object.fromEntries(own) };
    }),
  };
}

/** Directions of which a bond's factor plane is drawn; one of each pair of modalities. */
const DRAWN: readonly Direction[] = ['audio→image', 'audio→text', 'image→text'];

/** R@1 over the plane of the two factors of one step, all other factors staying as chosen. */
export function surfacesOf(
  { grid, coarse, factors }: Tuned,
  step: number,
  { bond, base }: { readonly bond: string; readonly base: (direction: Direction) => number },
): readonly FactorSurface[] {
  const plane = grid.axes.flatMap((axis, a) => (axis.step === step ? [{ ...axis, a }] : []));
  const [x, y] = plane;
  if (x === undefined || y === undefined) return [];
  const [xs, ys] = [grid.values[x.a] ?? [], grid.values[y.a] ?? []];
  return DRAWN.map((direction) => ({
    direction,
    bond,
    modalityX: x.modality,
    modalityY: y.modality,
    xs,
    ys,
    values: ys.map((_, j) => xs.map((__, i) => tidy(100 * grid.recall(direction, coarse.with(x.a, i).with(y.a, j))))),
    base: tidy(100 * base(direction)),
    chosen: { x: factors[`${step + 1}.${x.modality}`] ?? 0, y: factors[`${step + 1}.${y.modality}`] ?? 0 },
  }));
}

const BINDING: readonly Direction[] = ['audio→image', 'image→audio'];
const WORDS: readonly Direction[] = ['audio→text', 'text→audio', 'image→text', 'text→image'];

/** What the coarse grid offers when binding and words are two goals: its front, and a sample of what lies behind it. */
export function paretoOf({ bonds: { recipe }, grid, coarse }: Tuned): readonly ParetoPoint[] {
  const points = [...choicesOf(grid)].map((choice) => ({
    choice,
    text: tidy(100 * meanRecall(grid, WORDS, choice)),
    audioImage: tidy(100 * meanRecall(grid, BINDING, choice)),
  }));
  // Best for words first, and of those the best for binding: a point is on the front if it binds better than all before it.
  const sorted = points.toSorted((a, b) => b.text - a.text || b.audioImage - a.audioImage);
  const front = new Set<(typeof points)[number]>();
  let most = -1;
  for (const point of sorted) {
    if (point.audioImage <= most) continue;
    most = point.audioImage;
    front.add(point);
  }
  const isChosen = (choice: readonly number[]): boolean => choice.every((index, a) => index === coarse[a]);
  return points
    .filter((point) => front.has(point) || isChosen(point.choice) || point.choice.every((index) => index % 5 === 0))
    .map((point) => ({
      recipe: formatRecipe(withFactors(recipe, keyed(grid, point.choice))),
      text: point.text,
      audioImage: point.audioImage,
      front: front.has(point),
      chosen: isChosen(point.choice),
    }));
}
