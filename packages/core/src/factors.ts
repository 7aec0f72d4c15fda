import { FreebindError } from './errors.ts';
import { nearest } from './nearest.ts';
import { PRESETS } from './published.ts';
import { checkFactor, type Factors, type Recipe, type Step } from './recipe.ts';

/**
 * How factors are chosen: the name of a preset, text such as `audio=.8,text=.5` or `at-expertise,d.text=.3`, or an object.
 * A bare modality sets the combination steps that mix it, or, where there are none, the displacement steps; `c.` and `d.`
 * set the steps of one kind and `2.` (counted from 1) one step.
 */
export type FactorChoice = string | Factors;

/** What factors can be set for: the steps of a recipe with the modalities they mix. */
export interface MixingStep {
  readonly step: Step;
  readonly text: string;
  readonly mixed: readonly string[];
}

/** λ of displacement where nothing else is said: FreeBind `models/uni_spaces.py`, `InternVL_IB`. */
export const DISPLACEMENT_FACTOR = 0.2;

/**
 * σ of combination where nothing else is said: the published `versatile` preset, 0.5 for audio and 0.1 for text (FreeBind
 * `models/uni_spaces.py`, `InternVL_IB_PP`). Modalities that the papers do not combine get equal shares too.
 */
const COMBINATION_FACTOR = 0.5;
const COMBINATION_TEXT_FACTOR = PRESETS.versatile['c.text'];

/**
 * The factor of every modality that each step mixes, from the weakest say to the strongest: defaults, the recipe's own
 * factors, then `choice` in its order, a preset's factors before those set one by one, and the more specific key last.
 * Every factor that is set is used; of a preset, which is written for more recipes than one, those that a step mixes.
 *
 * @throws FREEBIND_FACTOR_INVALID listing what can be set
 */
export function resolveFactors(
  recipe: Recipe,
  steps: readonly MixingStep[],
  choice: FactorChoice = {},
): readonly Factors[] {
  const resolved = steps.map(({ step, mixed }) => {
    const defaults = mixed.map((m): [string, number] => [
      m,
      step.kind === 'displacement' ? DISPLACEMENT_FACTOR : m === 'text' ? COMBINATION_TEXT_FACTOR : COMBINATION_FACTOR,
    ]);
    return new Map(defaults);
  });
  const possible = (): string => describePossible(recipe, steps);
  const put = (key: string, factor: number): boolean => {
    const targets = targetsOf(key, steps);
    for (const { index, modality } of targets) resolved[index]?.set(modality, factor);
    return targets.length > 0;
  };

  steps.forEach(({ step, text }, index) => {
    for (const [modality, factor] of Object.entries(step.factors ?? {})) {
      if (put(`${index + 1}.${modality}`, factor)) continue;
      throw unusable(`Step ${index + 1}, ${text}, has a factor for "${modality}", which it does not mix.`, possible());
    }
  });

  const { presets, factors } = readChoice(choice, possible);
  for (const name of presets) {
    // A map, because a preset that nobody defined may be called `constructor`.
    const preset = new Map(Object.entries({ ...PRESETS, ...recipe.presets })).get(name);
    if (preset === undefined) {
      const guess = nearest(name, presetsOf(recipe, steps));
      const hint = guess === undefined ? '' : ` Did you mean "${guess}"?`;
      throw unusable(`There is no factor preset "${name}".${hint}`, possible());
    }
    const used = bySpecificity(preset).filter(([key, factor]) => put(key, factor));
    if (used.length === 0) {
      throw unusable(
        `Preset "${name}" sets ${Object.keys(preset).join(', ')}, none of which this recipe mixes.`,
        possible(),
      );
    }
  }
  for (const [key, factor] of bySpecificity(factors)) {
    checkFactor(key, factor, 'this choice');
    if (!put(key, factor)) throw unusable(`Factor "${key}" is for nothing that this recipe mixes.`, possible());
  }
  return resolved.map((byModality) => Object.freeze(Object.fromEntries(byModality)));
}

/** Names of the presets that can be chosen for a recipe: those that set a factor of one of its steps. */
export function presetsOf(recipe: Recipe, steps: readonly MixingStep[]): readonly string[] {
  const fitting = Object.entries({ ...PRESETS, ...recipe.presets }).filter(([, preset]) =>
    Object.keys(preset).some((key) => targetsOf(key, steps).length > 0),
  );
  return fitting.map(([name]) => name);
}

/** Reads `audio=.8,text=.5`, `at-expertise` or `versatile,2.text=.3` into presets and single factors. */
function readChoice(
  choice: FactorChoice,
  possible: () => string,
): { readonly presets: readonly string[]; readonly factors: Factors } {
  if (typeof choice !== 'string') return { presets: [], factors: choice };
  const presets: string[] = [];
  const factors = new Map<string, number>();
  for (const item of choice.split(',').map((part) => part.trim())) {
    const equals = item.indexOf('=');
    if (equals === -1) {
      if (item === '') throw unusable(`The factors "${choice}" have an empty item.`, possible());
      presets.push(item);
      continue;
    }
    const key = item.slice(0, equals).trim();
    const text = item.slice(equals + 1).trim();
    // Number('') is 0, and a factor that somebody forgot to write is not 0.
    const factor = text === '' ? NaN : Number(text);
    if (Number.isNaN(factor)) {
      throw unusable(`The factor "${key}" is "${text}", which is not a number from 0 to 1.`, possible());
    }
    if (factors.has(key)) throw unusable(`The factor "${key}" is set twice in "${choice}".`, possible());
    factors.set(key, factor);
  }
  return { presets, factors: Object.fromEntries(factors) };
}

type Key = { readonly modality: string; readonly kind?: Step['kind']; readonly step?: number };

function readKey(key: string): Key {
  const match = /^(?:(c|d)|(\d+))\.(.+)$/su.exec(key);
  const [, letter, number, modality] = match ?? [];
  if (modality === undefined) return { modality: key };
  return letter === undefined
    ? { modality, step: Number(number) }
    : { modality, kind: letter === 'c' ? 'combination' : 'displacement' };
}

function targetsOf(
  key: string,
  steps: readonly MixingStep[],
): readonly { readonly index: number; readonly modality: string }[] {
  const { modality, kind, step } = readKey(key);
  const mixing = steps
    .map((planned, index) => ({ index, modality, kind: planned.step.kind, mixed: planned.mixed }))
    .filter(({ mixed }) => mixed.includes(modality));
  if (step !== undefined) return mixing.filter(({ index }) => index === step - 1);
  if (kind !== undefined) return mixing.filter((target) => target.kind === kind);
  const combinations = mixing.filter((target) => target.kind === 'combination');
  return combinations.length > 0 ? combinations : mixing;
}

function bySpecificity(factors: Factors): readonly (readonly [string, number])[] {
  return Object.entries(factors).sort(([a], [b]) => specificity(a) - specificity(b));
}

function specificity(key: string): number {
  const { kind, step } = readKey(key);
  return step === undefined ? (kind === undefined ? 0 : 1) : 2;
}

function describePossible(recipe: Recipe, steps: readonly MixingStep[]): string {
  const mixing = steps
    .map(({ text, mixed }, index) => `step ${index + 1}, ${text}: ${mixed.join(', ') || 'nothing'}`)
    .join('; ');
  return (
    `Factors that can be set, each from 0 to 1: ${mixing || 'none, the recipe has no steps'}. ` +
    `Write audio=.8, or c.audio=.8, d.text=.3, 2.text=.1 for one kind or step. Presets: ${presetsOf(recipe, steps).join(', ') || 'none that fits'}.`
  );
}

function unusable(found: string, possible: string): FreebindError {
  return new FreebindError('FREEBIND_FACTOR_INVALID', `${found} ${possible}`);
}
