import { type Backend, type Factors, type Matrix, type Reals, tableOf } from '@freebind/core';
import type { Projected } from './bonds.ts';
import { DIRECTIONS, type Direction, type Modality } from './result.ts';
import { MODALITIES } from './starter.ts';

/** One factor of a recipe: the step it is of, from 0, and the modality that the step mixes. */
export interface Axis {
  readonly step: number;
  readonly modality: Modality;
}

/** Every way to choose factors from grids, scored in every direction. */
export interface FactorGrid {
  readonly axes: readonly Axis[];
  /** Values to try, by axis. */
  readonly values: readonly (readonly number[])[];
  /** R@1 in [0, 1] of one choice: an index into `values` for each axis. */
  recall(direction: Direction, choice: readonly number[]): number;
  /** Directions that the space can search. */
  readonly directions: readonly Direction[];
}

/** The factors that a recipe has. */
export function axesOf({ composition }: Projected): readonly Axis[] {
  return composition.plan.steps.flatMap(({ mixed }, step) =>
    MODALITIES.filter((modality) => mixed.includes(modality)).map((modality) => ({ step, modality })),
  );
}

/**
 * Scores every combination of factors. A factor touches the rows of its own modality only, so a direction depends on the
 * factors of two modalities: rows are mixed once for each choice of one modality's factors, and every pair of such choices is
 * scored once, however many combinations of all factors there are.
 */
export async function scoreGrid(
  projected: Projected,
  values: readonly (readonly number[])[],
  backend: Backend,
): Promise<FactorGrid> {
  const axes = axesOf(projected);
  const modalities = MODALITIES.filter((modality) => projected.projections[modality] !== undefined);
  const variants = new Map<Modality, readonly Matrix[]>();
  for (const modality of modalities) variants.set(modality, await mixVariants(projected, modality, axes, values));
  const tables = new Map<string, Float64Array>();
  const counts = new Map<string, number>();
  for (const [i, x] of modalities.entries()) {
    for (const y of modalities.slice(i + 1)) {
      const [xs, ys] = [variants.get(x) ?? [], variants.get(y) ?? []];
      const { forth, back } = await recallBetween(xs, ys, backend);
      tables.set(`${x}→${y}`, forth).set(`${y}→${x}`, back);
      counts.set(`${x}→${y}`, ys.length).set(`${y}→${x}`, ys.length);
    }
  }
  const variantOf = (modality: Modality, choice: readonly number[]): number =>
    axes.reduce(
      (index, axis, a) => (axis.modality === modality ? index * (values[a]?.length ?? 1) + (choice[a] ?? 0) : index),
      0,
    );
  return {
    axes,
    values,
    directions: DIRECTIONS.filter((direction) => tables.has(direction)),
    recall: (direction, choice) => {
      const [x, y] = endsOf(direction).toSorted((a, b) => MODALITIES.indexOf(a) - MODALITIES.indexOf(b));
      if (x === undefined || y === undefined) return 0;
      const at = variantOf(x, choice) * (counts.get(direction) ?? 0) + variantOf(y, choice);
      return tables.get(direction)?.[at] ?? 0;
    },
  };
}

/** Every choice of the grid, the last axis first to change. */
export function* choicesOf({ values }: Pick<FactorGrid, 'values'>): Generator<readonly number[], void, undefined> {
  const total = values.reduce((product, { length }) => product * length, 1);
  for (let n = 0; n < total; n++) {
    let rest = n;
    const choice = values.map(() => 0);
    for (let a = values.length - 1; a >= 0; a--) {
      const length = values[a]?.length ?? 1;
      choice[a] = rest % length;
      rest = Math.floor(rest / length);
    }
    yield choice;
  }
}

/** The choice with the largest mean R@1 over all directions; of equal ones the first. */
export function bestChoice(grid: FactorGrid): {
  readonly choice: readonly number[];
  readonly value: number;
  readonly tried: number;
} {
  let best: readonly number[] = [];
  let value = -1;
  let tried = 0;
  for (const choice of choicesOf(grid)) {
    tried++;
    const mean = meanRecall(grid, grid.directions, choice);
    if (mean <= value) continue;
    value = mean;
    best = choice;
  }
  return { choice: best, value, tried };
}

/** Mean R@1 over some directions, in [0, 1]. */
export function meanRecall(grid: FactorGrid, directions: readonly Direction[], choice: readonly number[]): number {
  return directions.reduce((sum, direction) => sum + grid.recall(direction, choice), 0) / directions.length;
}

/** Query and gallery of a direction. */
export function endsOf(direction: Direction): readonly Modality[] {
  return MODALITIES.filter((modality) => direction.includes(modality)).toSorted(
    (a, b) => direction.indexOf(a) - direction.indexOf(b),
  );
}

async function mixVariants(
  { composition, projections }: Projected,
  modality: Modality,
  axes: readonly Axis[],
  values: readonly (readonly number[])[],
): Promise<readonly Matrix[]> {
  const projection = projections[modality];
  const own = axes.flatMap((axis, a) => (axis.modality === modality ? [{ axis, values: values[a] ?? [] }] : []));
  if (projection === undefined) return [];
  const grid = { axes: own.map(({ axis }) => axis), values: own.map(({ values: tried }) => tried) };
  const mixed: Matrix[] = [];
  for (const choice of choicesOf(grid)) {
    const factors = composition.factors(keyed(grid, choice));
    mixed.push(await composition.mix(projection, factors));
  }
  return mixed;
}

/** Factors as the library's own keys, `2.audio`, steps counted from 1. */
export function keyed({ axes, values }: Pick<FactorGrid, 'axes' | 'values'>, choice: readonly number[]): Factors {
  return Object.fromEntries(
    axes.map(({ step, modality }, a) => [`${step + 1}.${modality}`, values[a]?.[choice[a] ?? 0] ?? 0]),
  );
}

/** R@1 of every variant of x with every one of y, both ways: [xs · ys], row-major. Row i of all of them is one item. */
async function recallBetween(
  xs: readonly Matrix[],
  ys: readonly Matrix[],
  backend: Backend,
): Promise<{ readonly forth: Float64Array; readonly back: Float64Array }> {
  const n = ys[0]?.rows ?? 0;
  const cols = ys[0]?.cols ?? 0;
  const all = new Float32Array(ys.length * n * cols);
  ys.forEach(({ data }, i) => all.set(data, i * n * cols));
  const keys = { rows: ys.length * n, cols, data: all };
  const bank = await backend.openBank({
    keys: tableOf(keys),
  });
  const forth = new Float64Array(xs.length * ys.length);
  const back = new Float64Array(xs.length * ys.length);
  try {
    for (const [i, x] of xs.entries()) {
      const { data, cols: width } = await bank.scores(x);
      for (let j = 0; j < ys.length; j++) {
        const [hits, found] = hitsInBlock(data, { width, from: j * n, n });
        forth[i * ys.length + j] = hits / n;
        back[i * ys.length + j] = found / n;
      }
    }
  } finally {
    await bank.close();
  }
  return { forth, back };
}

/** How many rows, and how many columns, of an [n, n] block have their largest score on the diagonal; equal scores keep the lower index. */
function hitsInBlock(
  scores: Reals,
  { width, from, n }: { readonly width: number; readonly from: number; readonly n: number },
): readonly [number, number] {
  const own = Float64Array.from({ length: n }, (_, i) => scores[i * width + from + i] ?? 0);
  const above = new Int32Array(n);
  let rows = 0;
  for (let i = 0; i < n; i++) {
    const mine = own[i] ?? 0;
    let ahead = 0;
    // Along the row only: columns are far apart in memory, so what comes before their diagonal is counted on the way.
    for (let j = 0, at = i * width + from; j < n; j++, at++) {
      const score = scores[at] ?? 0;
      const theirs = own[j] ?? 0;
      ahead += Number(score > mine || (score === mine && j < i));
      above[j] = (above[j] ?? 0) + Number(score > theirs || (score === theirs && i < j));
    }
    rows += Number(ahead === 0);
  }
  return [rows, above.reduce((columns, before) => columns + Number(before === 0), 0)];
}
