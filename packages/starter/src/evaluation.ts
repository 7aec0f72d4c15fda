import { formatRecipe, type Recipe } from '@freebind/core';
import type { Bonds } from './bonds.ts';
import { type Evaluation, listEntrants, readRows } from './entrants.ts';
import { checkForgetting, checkLeakage } from './checks.ts';
import { makeGallery } from './gallery.ts';
import { type BondFactors, DIRECTIONS, type Modality, type QuickstartResult, type ResultRow } from './result.ts';
import { measure, type Measured, withChange } from './scoring.ts';
import { composeRows, paretoOf, surfacesOf, type Tuned, tuneFactors, withFactors } from './tuned.ts';

/** The figures of a result, and the recipe with its factors and the preset `tuned`. */
export type Evaluated = Pick<
  QuickstartResult,
  'directions' | 'rows' | 'headline' | 'factors' | 'surfaces' | 'pareto' | 'leakage' | 'forgetting' | 'gallery'
> & { readonly recipe: Recipe };

const SPLITS = ['test', 'unseen'] as const;

/** Chooses everything that is chosen on validation concepts, then measures every candidate once on test and unseen ones. */
export async function evaluateAll(evaluation: Evaluation): Promise<Evaluated> {
  const { starter, tables, bonds, settings, backend, seed } = evaluation;
  const scoring = { backend, seed, resamples: settings.resamples };
  const tune = (own: Pick<Bonds, 'recipe' | 'bonds'>): Promise<Tuned> => tuneFactors(own, tables.validation, backend);
  const tuned = await tune(bonds.bound);
  const moved = await tune(firstStep(bonds.bound));
  const entrants = await listEntrants(evaluation, { tune, tuned, moved });
  const measured: Measured[] = [];
  for (const split of SPLITS)
    for (const { rows, ...candidate } of entrants)
      measured.push(await measure(candidate, split, await rows(tables[split]), scoring));

  const before = await readRows(tables.test, 'u');
  const [halfway, after] = [
    await composeRows(moved, tables.test, backend),
    await composeRows(tuned, tables.test, backend),
  ];
  const find = (id: string, split: ResultRow['split'] = 'test'): Measured => {
    const found = measured.find(({ row }) => row.id === id && row.split === split);
    if (found === undefined) throw new Error(`Row "${id}" is measured on every split.`);
    return found;
  };
  const validated = await measure(
    { id: 'u', name: '', kind: 'base', note: '' },
    'test',
    [await readRows(tables.validation, 'u')],
    {
      ...scoring,
      resamples: 2,
    },
  );
  const chosen = withFactors(tuned.bonds.recipe, tuned.factors);
  return {
    recipe: { ...tuned.bonds.recipe, name: 'quickstart', presets: { tuned: tuned.factors } },
    directions: DIRECTIONS,
    rows: measured.map((own) => withChange(own, find('u', own.row.split), scoring)),
    headline: { before: 'u', after: 'u+d+c' },
    factors: {
      chosenOn: 'validation',
      goal: 'mean R@1 over six directions',
      recipe: formatRecipe(chosen),
      factors: factorsOf(chosen),
      steps: tuned.steps,
    },
    surfaces: [
      ...surfacesOf(tuned, 0, {
        bond: 'd(vt)',
        base: (direction) => (validated.row.directions[direction]?.r1.value ?? 0) / 100,
      }),
      ...surfacesOf(tuned, 1, {
        bond: 'c(at)',
        // σ = 0 leaves the space as it is without the bond.
        base: (direction) =>
          tuned.grid.recall(
            direction,
            tuned.coarse.map((index, a) => (tuned.grid.axes[a]?.step === 1 ? 0 : index)),
          ),
      }),
    ],
    pareto: paretoOf(tuned),
    leakage: await checkLeakage(starter, backend),
    forgetting: [
      ...(await checkForgetting('d(vt)', before, halfway, scoring)),
      ...(await checkForgetting('d(vt) + c(at)', before, after, scoring)),
    ],
    gallery: await makeGallery(
      starter,
      { rows: before, measured: find('u') },
      { rows: after, measured: find('u+d+c') },
      backend,
    ),
  };
}

/** The first bond of a recipe by itself. */
function firstStep({
  recipe: { base, steps },
  bonds,
}: Pick<Bonds, 'recipe' | 'bonds'>): Pick<Bonds, 'recipe' | 'bonds'> {
  return { recipe: { base, steps: steps.slice(0, 1) }, bonds };
}

function factorsOf({ steps }: Recipe): BondFactors {
  return Object.fromEntries(
    steps.map(({ kind, experts, factors = {} }) => [
      `${kind === 'displacement' ? 'd' : 'c'}(${experts.join(', ')})`,
      factors as Readonly<Partial<Record<Modality, number>>>, // the starter's modalities are all there are
    ]),
  );
}
