import type { BondEnd, BondManifest } from './bond.ts';
import { FreebindError } from './errors.ts';
import { nearest } from './nearest.ts';
import { PUBLISHED } from './published.ts';
import { formatRecipe, formatStep, spaceIdOf } from './recipe-text.ts';
import type { Recipe, Step } from './recipe.ts';
import type { SpaceManifest } from './space.ts';

/** What has to be known about a space to bind it; tables of embeddings tell as much as the space itself. */
export type SpaceShape = Pick<SpaceManifest, 'id' | 'dimension' | 'modalities'>;

/** One step of a recipe with the spaces and bonds it runs on. */
export interface PlannedStep {
  readonly step: Step;
  /** The step in recipe text, for messages. */
  readonly text: string;
  readonly experts: readonly { readonly space: SpaceShape; readonly bond: BondManifest }[];
  /** Modalities that the space and at least one expert embed: those that factors mix. */
  readonly mixed: readonly string[];
  /** The space as it is after the step. */
  readonly space: SpaceShape;
}

/** A recipe that was found to fit its spaces and bonds. */
export interface Plan {
  readonly recipe: Recipe;
  readonly base: SpaceShape;
  readonly steps: readonly PlannedStep[];
  /** The space that the recipe makes. */
  readonly space: SpaceShape;
}

/**
 * Finds the spaces and the bond of every step. A bound space embeds what any of its members embeds: what only an expert
 * embeds comes in through the bond (combination) or is there already (displacement).
 *
 * @throws FREEBIND_SPACE_UNKNOWN FREEBIND_BOND_UNKNOWN FREEBIND_BOND_INVALID FREEBIND_SPACE_MISMATCH
 */
export function planRecipe(recipe: Recipe, spaces: readonly SpaceShape[], bonds: readonly BondManifest[]): Plan {
  const base = findSpace(recipe.base, spaces, recipe);
  let space = base;
  const steps = recipe.steps.map((step, index): PlannedStep => {
    const before = space;
    const text = formatStep(step, { factors: false });
    const experts = step.experts.map((id, i) => {
      const expert = findSpace(id, spaces, recipe);
      sharedModalities(before, expert);
      const [from, into] = step.kind === 'combination' ? [expert, before] : [before, expert];
      const named = step.bonds?.[i];
      const wanted: WantedBond = {
        kind: step.kind,
        from: { space: from.id, dimension: from.dimension },
        into: { space: into.id, dimension: into.dimension },
        ...(named !== undefined && { id: named }),
        ...(recipe.name !== undefined && Object.hasOwn(PUBLISHED, recipe.name) && { variant: recipe.name }),
        // The recipe that trains this bond: the steps so far, and this one with this expert alone.
        recipe: formatRecipe(
          { base: recipe.base, steps: [...recipe.steps.slice(0, index), { kind: step.kind, experts: [id] }] },
          { factors: false },
        ),
      };
      return { space: expert, bond: findBond(wanted, bonds) };
    });
    const brought = new Set(experts.flatMap((expert) => expert.space.modalities));
    const into = step.kind === 'displacement' ? (experts[0]?.space ?? before) : before;
    space = {
      id: spaceIdOf(recipe, index + 1),
      dimension: into.dimension,
      modalities: [...new Set([...before.modalities, ...brought])],
    };
    return { step, text, experts, mixed: before.modalities.filter((m) => brought.has(m)), space };
  });
  return { recipe, base, steps, space };
}

/** The space of that id. @throws FREEBIND_SPACE_UNKNOWN listing those that are known */
export function findSpace<S extends { readonly id: string }>(id: string, spaces: readonly S[], recipe?: Recipe): S {
  const found = spaces.find((space) => space.id === id);
  if (found !== undefined) return found;
  const known = spaces.map((space) => space.id);
  const guess = nearest(id, known);
  const where = recipe === undefined ? 'There is no space' : `The recipe ${formatRecipe(recipe)} names a space`;
  throw new FreebindError(
    'FREEBIND_SPACE_UNKNOWN',
    `${where} "${id}"${recipe === undefined ? '' : ', which nobody brings'}${guess === undefined ? '.' : `; did you mean "${guess}"?`} ` +
      `Known spaces: ${known.join(', ') || 'none'}. Load the plugin that brings it, or its tables.`,
  );
}

/** Modalities that both spaces embed, in `a`'s order; without one no bond can be trained or used. @throws FREEBIND_BOND_INVALID */
export function sharedModalities(a: SpaceShape, b: SpaceShape): readonly string[] {
  const shared = a.modalities.filter((modality) => b.modalities.includes(modality));
  if (shared.length > 0) return shared;
  throw new FreebindError(
    'FREEBIND_BOND_INVALID',
    `"${a.id}" embeds ${a.modalities.join(', ') || 'nothing'} and "${b.id}" embeds ${b.modalities.join(', ') || 'nothing'}: ` +
      `they share no modality, so nothing can bind them. Bind spaces that have one in common.`,
  );
}

/** What a step asks of a bond. */
export interface WantedBond {
  readonly kind: BondManifest['kind'];
  readonly from: BondEnd;
  readonly into: BondEnd;
  /** The one bond that may be used, where the recipe names it. */
  readonly id?: string;
  /** Recipe text that trains it, for the message when it is not there. */
  readonly recipe: string;
  /** The published variant that it is of, whose projectors can be imported. */
  readonly variant?: string;
}

/**
 * The one bond that does what is wanted.
 *
 * @throws FREEBIND_BOND_UNKNOWN when none or several do
 * @throws FREEBIND_SPACE_MISMATCH when the bond that is named, or the only one of that name, belongs to other spaces
 */
export function findBond(wanted: WantedBond, bonds: readonly BondManifest[]): BondManifest {
  const listed = bonds.length === 0 ? 'none' : bonds.map((bond) => `"${bond.id}" (${describe(bond)})`).join(', ');
  const candidates = bonds.filter((bond) =>
    wanted.id === undefined
      ? bond.kind === wanted.kind && bond.from.space === wanted.from.space && bond.into.space === wanted.into.space
      : bond.id === wanted.id,
  );
  const [found, ...others] = candidates;
  if (found === undefined) {
    const named = wanted.id === undefined ? 'No bond is' : `No bond is called "${wanted.id}" and`;
    throw new FreebindError(
      'FREEBIND_BOND_UNKNOWN',
      `${named} a ${describe(wanted)}. Bonds that are here: ${listed}. ` +
        `To make it, set "train": { "recipe": ${JSON.stringify(wanted.recipe)} } in freebind.config and run: freebind train` +
        (wanted.variant === undefined
          ? ''
          : `. FreeBind's own projectors, once downloaded: freebind import DIR --variant "${wanted.variant}" --out bonds`),
    );
  }
  if (others.length > 0) {
    throw new FreebindError(
      'FREEBIND_BOND_UNKNOWN',
      `Several bonds are a ${describe(wanted)}: ${candidates.map((bond) => `"${bond.id}"`).join(', ')}. ` +
        'Name one in the step\'s "bonds", or keep only one of them in the folder.',
    );
  }
  checkEnds(found, wanted);
  return found;
}

function checkEnds(found: BondManifest, wanted: WantedBond): void {
  if (describe(found) === describe(wanted)) return;
  throw new FreebindError(
    'FREEBIND_SPACE_MISMATCH',
    `Bond "${found.id}" is a ${describe(found)}, but the recipe needs a ${describe(wanted)}. ` +
      'Use the bond with the spaces it was trained for, or pick or train another.',
  );
}

function describe({ kind, from, into }: Pick<BondManifest, 'kind' | 'from' | 'into'>): string {
  return `${kind} from "${from.space}" (${from.dimension}) into "${into.space}" (${into.dimension})`;
}
