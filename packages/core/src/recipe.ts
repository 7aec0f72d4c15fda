import { FreebindError } from './errors.ts';
import { PUBLISHED } from './published.ts';
import { formatStep, parseRecipe } from './recipe-text.ts';

/** Factors by what they are for: `audio`, or qualified by kind or step, `c.audio`, `d.text`, `2.text`. Each is in [0, 1]. */
export type Factors = Readonly<Record<string, number>>;

/** One bond, or several in parallel, applied to the space that the steps before made. */
export interface Step {
  /** `combination` brings experts into the space; `displacement` moves the space into its one expert's. */
  readonly kind: 'combination' | 'displacement';
  /** Ids of expert spaces. Several bind in parallel, which only a combination can. */
  readonly experts: readonly string[];
  /** By modality: how much of the projected rows is mixed in, from 0 (none) to 1 (only those). Default: see `factors.ts`. */
  readonly factors?: Factors;
  /** Ids of the bonds to use, one an expert, where the spaces alone do not say which. */
  readonly bonds?: readonly string[];
}

/** What to bind to what, in which order: data. Running it gives a space. */
export interface Recipe {
  /** Id of the space to start from. */
  readonly base: string;
  readonly steps: readonly Step[];
  /** What people call it, e.g. `imagebind++`. */
  readonly name?: string;
  /** Named choices of factors for this recipe; they come before published ones of the same name. */
  readonly presets?: Readonly<Record<string, Factors>>;
}

/**
 * A recipe from its text, from the name of a published one, or from the object form; all three give the same immutable value.
 *
 * @throws FREEBIND_RECIPE_INVALID when it does not parse or cannot be run
 * @throws FREEBIND_FACTOR_INVALID when a factor is outside [0, 1]
 */
export function recipe(source: string | Recipe): Recipe {
  if (typeof source !== 'string') return freeze(source);
  // `_ft` stands for † where a keyboard has none, as in FreeBind's own class names.
  const wanted = source.trim().toLowerCase().replace('_ft', '†');
  const published = Object.entries(PUBLISHED).find(([name]) => name === wanted);
  return freeze(published === undefined ? parseRecipe(source) : { name: published[0], ...published[1] });
}

// The object form also comes from JSON and from programs without types, so its shape is checked as if it were unknown.
function freeze(given: Recipe): Recipe {
  if (!isRecord(given)) invalid(`A recipe is text or an object of a base and steps, but ${show(given)} was given.`);
  const { base, steps, name, presets } = given;
  checkId(base, 'The base of a recipe');
  if (!Array.isArray(steps)) invalid(`The steps of a recipe must be a list, but ${show(steps)} was given.`);
  if (name !== undefined && typeof name !== 'string')
    invalid(`The name of a recipe is text, but ${show(name)} was given.`);
  if (presets !== undefined && !isRecord(presets))
    invalid(`The presets of a recipe are an object of factors by their names, but ${show(presets)} was given.`);
  return Object.freeze({
    base,
    steps: Object.freeze(steps.map(freezeStep)),
    ...(name !== undefined && { name }),
    ...(presets !== undefined && {
      presets: Object.freeze(
        Object.fromEntries(
          Object.entries(presets).map(([preset, factors]) => [preset, freezeFactors(factors, `preset "${preset}"`)]),
        ),
      ),
    }),
  });
}

function freezeStep(step: Step, index: number): Step {
  const where = `Step ${index + 1} of the recipe`;
  if (!isRecord(step)) invalid(`${where} is ${show(step)}; a step is an object of a kind and experts.`);
  const { kind, experts, factors, bonds } = step;
  if (kind !== 'combination' && kind !== 'displacement') {
    invalid(`${where} is of kind ${show(kind)}; a step is a "combination" or a "displacement".`);
  }
  if (!Array.isArray(experts) || experts.length === 0)
    invalid(`${where} names no expert; give the id of at least one.`);
  experts.forEach((expert) => checkId(expert, `An expert in step ${index + 1}`));
  const twice = experts.find((expert, i) => experts.indexOf(expert) !== i);
  if (twice !== undefined) invalid(`${where} names the expert "${twice}" twice; name it once.`);
  const text = formatStep({ kind, experts });
  if (kind === 'displacement' && experts.length > 1) {
    invalid(
      `${where}, ${text}, displaces the space into ${experts.length} experts at once, but rows can only move into one space. ` +
        `Displace one after the other, ${experts.map((expert) => formatStep({ kind, experts: [expert] })).join(' + ')}, ` +
        `or combine, ${formatStep({ kind: 'combination', experts })}.`,
    );
  }
  if (bonds !== undefined && (!Array.isArray(bonds) || bonds.length !== experts.length)) {
    invalid(`${where}, ${text}, must name one bond for each of its ${experts.length} experts, or none at all.`);
  }
  bonds?.forEach((bond) => checkId(bond, `A bond of step ${index + 1}`));
  return Object.freeze({
    kind,
    experts: Object.freeze([...experts]),
    ...(factors !== undefined && { factors: freezeFactors(factors, `step ${index + 1}, ${text}`) }),
    ...(bonds !== undefined && { bonds: Object.freeze([...bonds]) }),
  });
}

function freezeFactors(factors: Factors, where: string): Factors {
  if (!isRecord(factors))
    invalid(`The factors of ${where} are ${show(factors)}; they are an object such as { "audio": 0.5 }.`);
  for (const [key, factor] of Object.entries(factors)) checkFactor(key, factor, where);
  return Object.freeze({ ...factors });
}

/** Refuses what is not a number from 0 to 1. @throws FREEBIND_FACTOR_INVALID */
export function checkFactor(key: string, factor: unknown, where: string): void {
  if (typeof factor === 'number' && factor >= 0 && factor <= 1) return;
  throw new FreebindError(
    'FREEBIND_FACTOR_INVALID',
    `The factor "${key}" of ${where} is ${show(factor)}; a factor is a number from 0 (nothing of the projected rows) to 1 (only those).`,
  );
}

function checkId(id: unknown, what: string): void {
  if (typeof id === 'string' && id.trim() !== '' && !/["\r\n]/.test(id)) return;
  invalid(`${what} is ${show(id)}; it must be the id of a space, without quotes or line breaks.`);
}

/** Told of something that may be large or odd. */
function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value)?.slice(0, 80) ?? typeof value);
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): never {
  throw new FreebindError('FREEBIND_RECIPE_INVALID', message);
}
