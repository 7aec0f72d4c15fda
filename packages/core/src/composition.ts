import type { Backend } from './backend.ts';
import type { Bond, BondData, BondManifest } from './bond.ts';
import { type Plan, type PlannedStep, planRecipe, type SpaceShape } from './bonding.ts';
import { FreebindError } from './errors.ts';
import { type FactorChoice, resolveFactors } from './factors.ts';
import { openBond } from './opened-bond.ts';
import type { Factors, Recipe } from './recipe.ts';
import type { Embeddings } from './space.ts';

/** A bond that a recipe may use: open already, as data, or still to be read from where it is kept. */
export type BondSource = Bond | BondData | { readonly manifest: BondManifest; readonly read: () => Promise<BondData> };

/** One modality's rows on their way through a recipe, as far as they do not depend on factors. */
export interface Projections {
  readonly modality: string;
  /** The base space's rows; undefined when it lacks the modality. */
  readonly base: Embeddings | undefined;
  readonly steps: readonly ProjectedStep[];
}

interface ProjectedStep {
  /** What the experts bring, in the space after the step: ψ(experts) of a combination, the expert's own rows of a displacement. */
  readonly brought: Embeddings | undefined;
  /** ψ(space) of a displacement; undefined when factors of earlier steps have a say in it, or the space lacks the modality. */
  readonly carried: Embeddings | undefined;
}

/**
 * Plans a recipe and puts the bonds it needs on a backend, which may be one that starts only when the recipe was found to
 * fit. `factors` are only checked, likewise before.
 *
 * @throws FREEBIND_SPACE_UNKNOWN FREEBIND_BOND_UNKNOWN FREEBIND_BOND_INVALID FREEBIND_SPACE_MISMATCH FREEBIND_FACTOR_INVALID
 */
export async function openComposition(options: {
  readonly recipe: Recipe;
  readonly spaces: readonly SpaceShape[];
  readonly bonds: readonly BondSource[];
  readonly backend: Backend | (() => Promise<Backend>);
  readonly factors?: FactorChoice;
}): Promise<Composition> {
  const { recipe, spaces, bonds } = options;
  const plan = planRecipe(
    recipe,
    spaces,
    bonds.map((bond) => bond.manifest),
  );
  resolveFactors(recipe, plan.steps, options.factors);
  const backend = typeof options.backend === 'function' ? await options.backend() : options.backend;
  const needed = new Set(plan.steps.flatMap((step) => step.experts.map((expert) => expert.bond)));
  const opened = new Map<BondManifest, Bond>();
  const owned: Bond[] = [];
  try {
    for (const source of bonds.filter((bond) => needed.has(bond.manifest))) {
      if ('carry' in source) {
        opened.set(source.manifest, source);
      } else {
        const bond = await openBond('read' in source ? await source.read() : source, backend);
        owned.push(bond);
        opened.set(source.manifest, bond);
      }
    }
  } catch (error) {
    await Promise.all(owned.map((bond) => bond.close()));
    throw error;
  }
  return new Composition({ plan, bonds: opened, owned, backend });
}

/**
 * A recipe at work on rows, one modality at a time. `project` is the expensive half, once for some rows; `mix` applies
 * factors to its result, cheaply and as often as wanted. (Only a displacement after a mixing step projects in `mix`.)
 */
export class Composition {
  readonly plan: Plan;
  readonly #backend: Backend;
  readonly #bonds: ReadonlyMap<BondManifest, Bond>;
  readonly #owned: readonly Bond[];
  #closed = false;

  /** `owned` are the bonds that `close` closes. */
  constructor(parts: {
    readonly plan: Plan;
    readonly bonds: ReadonlyMap<BondManifest, Bond>;
    readonly owned: readonly Bond[];
    readonly backend: Backend;
  }) {
    this.plan = parts.plan;
    this.#bonds = parts.bonds;
    this.#owned = parts.owned;
    this.#backend = parts.backend;
  }

  /** The factor of every modality that each step mixes. @throws FREEBIND_FACTOR_INVALID */
  factors(choice?: FactorChoice): readonly Factors[] {
    return resolveFactors(this.plan.recipe, this.plan.steps, choice);
  }

  /**
   * The spaces whose own rows of `modality` are needed.
   *
   * @throws FREEBIND_CAPABILITY_MISSING when the bound space lacks it; FREEBIND_CLOSED after `close`
   */
  members(modality: string): readonly SpaceShape[] {
    const { base, steps, space } = this.plan;
    if (this.#closed) throw new FreebindError('FREEBIND_CLOSED', `"${space.id}" was closed; bind it again.`);
    if (!space.modalities.includes(modality)) {
      throw new FreebindError(
        'FREEBIND_CAPABILITY_MISSING',
        `"${space.id}" does not embed ${modality}; its modalities are ${space.modalities.join(', ')}.`,
      );
    }
    const all = [base, ...steps.flatMap((step) => step.experts.map((expert) => expert.space))];
    return all.filter(
      (member, i) => member.modalities.includes(modality) && all.findIndex((m) => m.id === member.id) === i,
    );
  }

  /**
   * Carries rows through the bonds: unit rows [n, dimension] of every space in `members(modality)`, by its id, row i being
   * one item everywhere.
   *
   * @throws FREEBIND_SPACE_MISMATCH when rows are missing or of another space; FREEBIND_ROWS_MISALIGNED when their numbers differ
   */
  async project(modality: string, rows: ReadonlyMap<string, Embeddings>): Promise<Projections> {
    const own = checkRows(modality, this.members(modality), rows);
    const base = own.get(this.plan.base.id);
    const steps: ProjectedStep[] = [];
    let current = base;
    let settled = true; // no factor had a say in `current` yet
    for (const planned of this.plan.steps) {
      const brought = await this.#bring(planned, own);
      const displaces = planned.step.kind === 'displacement' && settled;
      const carried = displaces && current !== undefined ? await this.#carry(planned, current) : undefined;
      steps.push({ brought, carried });
      settled &&= current === undefined || brought === undefined;
      current = into(planned, carried ?? current ?? brought);
    }
    return { modality, base, steps };
  }

  /** Mixes projections by factors, one record a step as `factors()` gives them: unit rows [n, dimension] of the bound space. */
  async mix(projections: Projections, factors: readonly Factors[]): Promise<Embeddings> {
    const { modality, base, steps } = projections;
    let current = base;
    for (const [index, planned] of this.plan.steps.entries()) {
      const { brought, carried } = steps[index] ?? lost(planned.text);
      if (planned.step.kind === 'displacement' && current !== undefined) {
        current = carried ?? (await this.#carry(planned, current));
      }
      if (current !== undefined && brought !== undefined) {
        const factor = factors[index]?.[modality] ?? lost(`a factor for ${modality} in ${planned.text}`);
        // The factor weighs the projected rows: the experts' in a combination, the space's own in a displacement.
        const [projected, resident] = planned.step.kind === 'combination' ? [brought, current] : [current, brought];
        current = await this.#unit(planned, [
          { rows: projected, factor },
          { rows: resident, factor: 1 - factor },
        ]);
      }
      current = into(planned, current ?? brought);
    }
    return current ?? lost(`${modality} rows`);
  }

  /** Closes the bonds that were opened for this composition; the backend and bonds that came open stay. Calling it twice is quiet. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#owned.map((bond) => bond.close()));
  }

  /** The experts' part in a step: of a combination normalise(mean over all heads of all experts), of a displacement the expert's rows. */
  async #bring(planned: PlannedStep, own: ReadonlyMap<string, Embeddings>): Promise<Embeddings | undefined> {
    const present = planned.experts.flatMap(({ space, bond }) => {
      const rows = own.get(space.id);
      return rows === undefined ? [] : [{ rows, bond }];
    });
    if (present.length === 0) return undefined;
    if (planned.step.kind === 'displacement') return into(planned, present[0]?.rows);
    // A bond gives the mean over its own heads; weighing it by their number makes all heads of all experts count the same.
    const heads = present.reduce((sum, { bond }) => sum + bond.heads.length, 0);
    const parts: Part[] = [];
    for (const { rows, bond } of present) {
      parts.push({ rows: await this.#bond(bond).carry(rows), factor: bond.heads.length / heads });
    }
    return this.#unit(planned, parts);
  }

  /** ψ of the space's own rows, in the one expert that a displacement has. */
  async #carry(planned: PlannedStep, rows: Embeddings): Promise<Embeddings> {
    const { bond } = planned.experts[0] ?? lost(`the expert of ${planned.text}`);
    return this.#unit(planned, [{ rows: await this.#bond(bond).carry(rows), factor: 1 }]);
  }

  #bond(manifest: BondManifest): Bond {
    return this.#bonds.get(manifest) ?? lost(`bond "${manifest.id}"`);
  }

  async #unit({ space }: PlannedStep, parts: readonly Part[]): Promise<Embeddings> {
    return { ...(await this.#backend.combine(parts)), space: space.id, unit: true };
  }
}

type Part = Parameters<Backend['combine']>[0][number];

/** The rows as they stand after a step: the same numbers, in the space that the step made. */
function into(planned: PlannedStep, rows: Embeddings | undefined): Embeddings | undefined {
  return rows && { ...rows, space: planned.space.id };
}

function checkRows(
  modality: string,
  members: readonly SpaceShape[],
  rows: ReadonlyMap<string, Embeddings>,
): ReadonlyMap<string, Embeddings> {
  const own = new Map<string, Embeddings>();
  for (const { id, dimension } of members) {
    const given = rows.get(id);
    if (given === undefined || given.space !== id || given.cols !== dimension) {
      throw new FreebindError(
        'FREEBIND_SPACE_MISMATCH',
        `The recipe needs ${modality} embeddings of "${id}" (${dimension}), but ${given === undefined ? 'none were' : `those of "${given.space}" (${given.cols}) were`} given. Embed the same items with "${id}".`,
      );
    }
    own.set(id, given);
  }
  const counts = [...own].map(([id, { rows }]) => `"${id}": ${rows}`);
  if (new Set([...own.values()].map(({ rows }) => rows)).size > 1) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `Rows of ${modality} differ in number (${counts.join(', ')}); row i must be the same item in every space. Embed the same items with each.`,
    );
  }
  return own;
}

// The plan decides what is there, so this is never reached; it says so to the compiler, and to the reader of a bug report.
function lost(what: string): never {
  throw new Error(`The plan of this recipe promised ${what}, but it is not there.`);
}
