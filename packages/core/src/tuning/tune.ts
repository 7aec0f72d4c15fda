import type { Backend } from '../backend.ts';
import type { Composition } from '../composition.ts';
import { FreebindError, isFreebindError } from '../errors.ts';
import type { Direction } from '../evaluation/directions.ts';
import { PRESETS } from '../published.ts';
import { formatRecipe } from '../recipe-text.ts';
import { recipe as readRecipe, type Recipe } from '../recipe.ts';
import { coarseRecipes } from './candidates.ts';
import { FactorScores, type Point } from './factor-scores.ts';
import { type Goal, readGoal } from './goal.ts';
import { bestPoints, type Candidate, describePoint, frontOf, surfacesOf, type TuneResult } from './result.ts';
import { climb, goalOf, planesOf, type Search, searchGrid } from './search.ts';
import { projectValidation, refuseSharedIds, type ValidationSet } from './validation.ts';

/** What `tuneRecipe` takes. */
export interface TuneOptions {
  readonly recipe: Recipe | string;
  /** Opens a recipe of the same base and some of the bonds, as `openComposition` does; `tuneRecipe` closes what it gives. */
  readonly compose: (recipe: Recipe) => Promise<Composition>;
  readonly backend: Backend;
  /** Without one tuning is refused. */
  readonly validation: ValidationSet | undefined;
  /** Given only to be kept apart from the validation set. */
  readonly test?: { readonly ids: readonly string[] };
  /** Default `mean`. */
  readonly goal?: Goal;
  /** Recall at this k; default 1. */
  readonly k?: number;
  /** Factors on each side of a plane, from 0 to 1; default 21, which is steps of 0.05. */
  readonly steps?: number;
  /** Also try the recipe with fewer bonds; default true. */
  readonly coarse?: boolean;
  /** What the chosen factors are called in the recipe; default `tuned`. */
  readonly preset?: string;
  readonly signal?: AbortSignal;
  /** `done` and `total` count rows to be ranked. */
  readonly onProgress?: (mark: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

/** A candidate that can be run, with the best of its grid. */
interface Trial {
  readonly recipe: Recipe;
  readonly search: Search;
  readonly best: Point;
}

/** Refusals that only say that this choice of bonds cannot be run. */
const NOT_RUNNABLE = new Set([
  'FREEBIND_BOND_UNKNOWN',
  'FREEBIND_BOND_INVALID',
  'FREEBIND_SPACE_MISMATCH',
  'FREEBIND_FACTOR_INVALID',
]);

/**
 * Customised inference, coarse to fine (FreeBind, section 3.4): which of a recipe's bonds to apply, then which factor each
 * modality gets in each step, chosen on a validation set without any training. Bonds run once; factors only mix their results.
 *
 * @throws FREEBIND_ARGUMENT_INVALID without a validation set, when it shares ids with the test set, and for a goal that names an
 * unknown direction; what `compose` refuses of the whole recipe; FREEBIND_ROWS_MISALIGNED FREEBIND_NUMBER_INVALID FREEBIND_ABORTED
 */
export async function tuneRecipe(options: TuneOptions): Promise<TuneResult> {
  const { goal = 'mean', k = 1, steps = 21, coarse = true, preset = 'tuned', backend, signal, onProgress } = options;
  const whole = readRecipe(options.recipe);
  const validation = checkValidation(options);
  checkSettings(whole, { k, steps, preset });
  const opened: Composition[] = [];
  const open = async (recipe: Recipe): Promise<FactorScores> => {
    const composition = await options.compose(recipe);
    opened.push(composition);
    return new FactorScores(composition, await projectValidation(composition, validation), { backend, k, signal });
  };
  const tell = (stage: string) => (done: number, total: number) => onProgress?.({ stage, done, total });
  try {
    // The whole recipe decides which directions there are; what is wrong with it is not passed over.
    const first = await open(whole);
    const directions = first.directions.map(({ direction }) => direction);
    checkDirections(directions, whole);
    const weights = readGoal(goal, directions);
    const searchOf = (recipe: Recipe, scores: FactorScores): Search => ({
      scores,
      weights,
      steps,
      onProgress: tell(formatRecipe(recipe, { factors: false })),
    });

    const trials: (Trial | Candidate)[] = [];
    for (const recipe of coarse ? coarseRecipes(whole) : [whole]) {
      try {
        const scores = recipe === whole ? first : await open(recipe);
        checkGoal(weights, scores);
        const search = searchOf(recipe, scores);
        trials.push({ recipe, search, best: await searchGrid(search) });
      } catch (error) {
        if (recipe === whole || !isFreebindError(error) || !NOT_RUNNABLE.has(error.code)) throw error;
        trials.push({ recipe: formatRecipe(recipe, { factors: false }), refused: error.message });
      }
    }
    const chosen = bestTrial(trials);
    const search = { ...chosen.search, onProgress: tell('factors') };
    const point = await climb(search, chosen.best);
    const base = await scoreBase(await open({ base: whole.base, steps: [] }), directions);
    const surfaces: TuneResult['surfaces'][number][] = [];
    for (const plane of planesOf(search.scores.axes))
      surfaces.push(...(await surfacesOf(search, plane, { through: point, base })));
    const { recipe } = chosen;
    return {
      recipe: readRecipe({ ...recipe, presets: { ...recipe.presets, [preset]: search.scores.factors(point) } }),
      preset,
      goal: Object.fromEntries(weights),
      k,
      items: search.scores.items,
      directions,
      best: describePoint(search, point),
      untuned: describePoint(search, search.scores.start),
      base,
      candidates: trials.map(describeTrial),
      bestOf: bestPoints(search),
      pareto: frontOf(search),
      surfaces,
    };
  } finally {
    await Promise.all(opened.map((composition) => composition.close()));
  }
}

/** The trial whose grid has the best point; of equal ones the first, which applies more bonds. */
function bestTrial(trials: readonly (Trial | Candidate)[]): Trial {
  const runnable = trials.filter((trial) => 'search' in trial);
  const [first] = runnable;
  if (first === undefined) throw new Error('The whole recipe can be run.');
  const goal = ({ search, best }: Trial): number => goalOf(search, best);
  return runnable.reduce((top, trial) => (goal(trial) > goal(top) ? trial : top), first);
}

function describeTrial(trial: Trial | Candidate): Candidate {
  if (!('search' in trial)) return trial;
  const { recipe, search, best } = trial;
  return { recipe: formatRecipe(recipe, { factors: false }), best: describePoint(search, best) };
}

async function scoreBase(scores: FactorScores, directions: readonly Direction[]): Promise<TuneResult['base']> {
  await scores.score([[]]);
  const values = scores.values([]);
  const known = new Map(scores.directions.map(({ direction }, d) => [direction, values[d] ?? null]));
  return Object.fromEntries(directions.map((direction) => [direction, known.get(direction) ?? null]));
}

function checkValidation({ validation, test }: TuneOptions): ValidationSet {
  if (validation === undefined) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      'Tuning needs a validation set: items that were neither trained on nor are tested on. Give one.',
    );
  }
  refuseSharedIds(validation.ids ?? [], test?.ids ?? []);
  return validation;
}

function checkSettings(
  recipe: Recipe,
  { k, steps, preset }: { readonly k: number; readonly steps: number; readonly preset: string },
): void {
  if (recipe.steps.length === 0)
    refuse(
      `The recipe ${formatRecipe(recipe)} applies no bond, so there is nothing to tune. Add a step, such as + c(expert).`,
    );
  if (!Number.isSafeInteger(k) || k < 1) refuse(`Recall was asked for at k = ${k}; give a whole number of at least 1.`);
  if (!Number.isSafeInteger(steps) || steps < 2 || steps > 101)
    refuse(`${steps} factors from 0 to 1 were asked for; give a whole number from 2 to 101, such as 21.`);
  // What `--factors NAME` could not name would be of no use.
  if (!/^[^\s,=]+$/u.test(preset))
    refuse(`The preset "${preset}" could not be chosen by that name; use no spaces, commas or equals signs.`);
  if (Object.hasOwn(PRESETS, preset))
    refuse(`"${preset}" is a preset that FreeBind published, and would mean two things; choose another name.`);
}

function refuse(message: string): never {
  throw new FreebindError('FREEBIND_ARGUMENT_INVALID', message);
}

function checkDirections(directions: readonly Direction[], recipe: Recipe): void {
  if (directions.length > 0) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The validation tables have rows of one modality only for ${formatRecipe(recipe)}, but a direction leads from one to another. Add tables of a second modality.`,
  );
}

function checkGoal(weights: ReadonlyMap<Direction, number>, { directions }: FactorScores): void {
  const lacking = [...weights.keys()].find((wanted) => directions.every(({ direction }) => direction !== wanted));
  if (lacking === undefined) return;
  throw new FreebindError(
    'FREEBIND_BOND_INVALID',
    `Without the other bonds there is no ${lacking}, which the goal names.`,
  );
}
