import { composeTables, type Tables } from '../compose-tables.ts';
import type { Composition } from '../composition.ts';
import type { FactorChoice } from '../factors.ts';
import { type Matrix, matrix } from '../matrix.ts';
import type { Recipe } from '../recipe.ts';
import { formatStep } from '../recipe-text.ts';
import type { BindingOptions } from './binding.ts';
import { chooseShare, type Duel, mixScores } from './score-mixing.ts';

/** A way to score: the bound space, or something that it has to be seen beside. */
export interface BindingCandidate {
  /** Unique in the report: `base`, `bound`, `step 1`, `expert at`, `score-mixing`, `one-head`, `space supervised`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'base' | 'bound' | 'expert' | 'control';
  /** One sentence on what it is and what it shows. */
  readonly note: string;
}

/** A candidate, and what it searches: one set of rows, or several that share no direction where directions are scored differently. */
export interface SearchableCandidate extends BindingCandidate {
  readonly searchables: () => Promise<readonly Readonly<Record<string, Matrix>>[]>;
}

/** Everything that a recipe's evaluation shows, in the order of its table. */
export async function listCandidates(options: BindingOptions): Promise<readonly SearchableCandidate[]> {
  const { recipe, tables, factors, compose, signal } = options;
  const { base, steps } = recipe;
  const composed =
    (part: Recipe, choice?: FactorChoice, head?: string): SearchableCandidate['searchables'] =>
    async () => {
      const composition = await compose(part, head);
      try {
        return [await composeWhole(composition, tables, { ...(choice !== undefined && { factors: choice }), signal })];
      } finally {
        await composition.close();
      }
    };
  const fixed =
    (space: string): SearchableCandidate['searchables'] =>
    async () => [await readSpace(tables, space)];
  const candidates: SearchableCandidate[] = [
    { id: 'base', name: base, kind: 'base', note: 'The space before binding.', searchables: fixed(base) },
  ];
  if (steps.length > 0) {
    const whole = await compose(recipe);
    const resolved = whole.factors(factors);
    await whole.close();
    if (steps.length > 1) {
      steps.forEach((step, i) => {
        const name = `${base} + ${formatStep({ ...step, factors: {} })}`;
        const alone = { base, steps: [{ ...step, ...(resolved[i] !== undefined && { factors: resolved[i] }) }] };
        const note = `Step ${i + 1} of the recipe alone.`;
        candidates.push({ id: `step ${i + 1}`, name, kind: 'bound', note, searchables: composed(alone) });
      });
    }
    const name = `${base}${steps.map((step) => ` + ${formatStep({ ...step, factors: {} })}`).join('')}`;
    const note = 'The bound space: every step of the recipe.';
    candidates.push({ id: 'bound', name, kind: 'bound', note, searchables: composed(recipe, factors) });
  }
  for (const expert of new Set(steps.flatMap(({ experts }) => experts))) {
    candidates.push({
      id: `expert ${expert}`,
      name: `${expert} alone`,
      kind: 'expert',
      note: `The expert by itself, between ${tables.modalities(expert).join(', ')}.`,
      searchables: fixed(expert),
    });
  }
  if (steps.length > 0) candidates.push(scoreMixing(options));
  if (options.head !== undefined) {
    candidates.push({
      id: 'one-head',
      name: `one head, ${options.head}`,
      kind: 'control',
      note: 'The bound space with that head of each bond in place of the whole mixture.',
      searchables: composed(recipe, factors, options.head),
    });
  }
  for (const space of options.beside ?? []) {
    const note = 'Another space, on the same items.';
    candidates.push({ id: `space ${space}`, name: space, kind: 'control', note, searchables: fixed(space) });
  }
  return candidates;
}

/** Scores of the base space and of an expert that knows the same pair, mixed; a pair that no expert knows is the base space's. */
function scoreMixing({ recipe, tables, validation, backend }: BindingOptions): SearchableCandidate {
  return {
    id: 'score-mixing',
    name: 'scores mixed, no projector',
    kind: 'control',
    note: `The base space's cosine and an expert's, ${
      validation === undefined ? 'in equal shares' : 'weighed per pair of modalities on validation items'
    }. What no expert knows together gains nothing.`,
    searchables: async () => {
      const found: Readonly<Record<string, Matrix>>[] = [];
      for (const { pair, expert } of pairsOf(recipe, tables)) {
        if (expert === undefined) {
          found.push(await readSpace(tables, recipe.base, pair));
          continue;
        }
        const duel = async (of: Tables): Promise<Duel> => ({
          pair,
          base: await readSpace(of, recipe.base, pair),
          expert: await readSpace(of, expert, pair),
        });
        const share = validation === undefined ? 0.5 : await chooseShare(await duel(validation), backend);
        found.push(mixScores(await duel(tables), share));
      }
      return found;
    },
  };
}

/** Every pair of the base space's modalities, and the first expert that knows both. */
function pairsOf(
  { base, steps }: Recipe,
  tables: Tables,
): readonly { readonly pair: readonly [string, string]; readonly expert: string | undefined }[] {
  const experts = steps.flatMap((step) => step.experts);
  const known = tables.modalities(base);
  return known.flatMap((first, i) =>
    known.slice(i + 1).map((second) => ({
      pair: [first, second] as const,
      expert: experts.find((expert) => [first, second].every((m) => tables.modalities(expert).includes(m))),
    })),
  );
}

async function composeWhole(
  composition: Composition,
  tables: Tables,
  options: { readonly factors?: FactorChoice; readonly signal: AbortSignal | undefined },
): Promise<Readonly<Record<string, Matrix>>> {
  const { factors, signal } = options;
  const composed: Record<string, Matrix> = {};
  for (const modality of composition.plan.space.modalities) {
    const tiles: Matrix[] = [];
    const given = { ...(factors !== undefined && { factors }), ...(signal !== undefined && { signal }) };
    for await (const tile of composeTables(composition, tables, modality, given)) tiles.push(tile);
    const rows = matrix(
      tiles.reduce((sum, tile) => sum + tile.rows, 0),
      composition.plan.space.dimension,
    );
    let at = 0;
    for (const { data } of tiles) {
      rows.data.set(data, at);
      at += data.length;
    }
    composed[modality] = rows;
  }
  return composed;
}

/** A space's own rows, of all its modalities or of some. */
async function readSpace(
  tables: Tables,
  space: string,
  modalities: readonly string[] = tables.modalities(space),
): Promise<Readonly<Record<string, Matrix>>> {
  const rows: Record<string, Matrix> = {};
  for (const modality of modalities) {
    const table = tables.table(space, modality);
    rows[modality] = await table.read(0, table.rows);
  }
  return rows;
}
