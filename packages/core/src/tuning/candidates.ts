import type { Recipe, Step } from '../recipe.ts';

/** Subsets grow as 2ⁿ; with more experts than this only the recipe's own beginnings are tried. */
const EXPERTS = 6;

/**
 * The recipes that apply some of a recipe's bonds, in its order: itself first, then with ever fewer experts. Which of them
 * can run depends on the bonds there are. Only the whole recipe keeps its name and presets, which are written for it.
 */
export function coarseRecipes(whole: Recipe): readonly Recipe[] {
  const experts = countExperts(whole.steps);
  const choices =
    experts > EXPERTS
      ? whole.steps.map((_, i) => whole.steps.slice(0, i + 1))
      : whole.steps.reduce<readonly (readonly Step[])[]>(
          (before, step) => before.flatMap((steps) => [steps, ...partsOf(step).map((part) => steps.concat(part))]),
          [[]],
        );
  return choices
    .filter((steps) => steps.length > 0)
    .sort((a, b) => countExperts(b) - countExperts(a))
    .map((steps) => (countExperts(steps) === experts ? whole : { base: whole.base, steps }));
}

/** A step with every non-empty subset of its experts. Factors are kept with all of them only: fewer may mix fewer modalities. */
function partsOf(step: Step): readonly Step[] {
  const { experts, bonds, kind } = step;
  return Array.from({ length: 2 ** experts.length - 1 }, (_, i) => {
    const chosen = [...experts.keys()].filter((e) => ((i + 1) >> e) & 1);
    if (chosen.length === experts.length) return step;
    const pick = (list: readonly string[]): readonly string[] => list.filter((_, e) => chosen.includes(e));
    return { kind, experts: pick(experts), ...(bonds !== undefined && { bonds: pick(bonds) }) };
  });
}

function countExperts(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + step.experts.length, 0);
}
