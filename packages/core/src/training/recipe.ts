import { join } from 'node:path';
import type { Backend } from '../backend.ts';
import type { BondData } from '../bond.ts';
import type { Tables } from '../compose-tables.ts';
import { FreebindError, isFreebindError } from '../errors.ts';
import type { FactorChoice } from '../factors.ts';
import { readBond } from '../files/bond-folder.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { prunePieces } from '../files/pieces.ts';
import type { Shard } from '../pseudo-pairs/collect.ts';
import type { SpaceTables } from '../pseudo-pairs/tuples.ts';
import { spaceIdOf } from '../recipe-text.ts';
import type { Recipe } from '../recipe.ts';
import { selectRows } from '../table.ts';
import { unitRows } from '../unit-rows.ts';
import { BOND_TRAINING, type BondTraining, folderName } from './bond-options.ts';
import { bondPieces, trainBond, type TrainBondOptions, type TrainedBond } from './bond.ts';
import { type BondShardOptions, trainBondShard } from './bond-shard.ts';
import { composeLater, type ComposedTables } from './composed-tables.ts';
import type { TrainingEvent } from './events.ts';
import type { CheckpointOptions } from './run.ts';
import { type PlannedBond, planTraining, type TrainingPlan } from './training-plan.ts';

/** Default of `reuseBytes`: 8 GiB. */
const REUSE_BYTES = 8 * 2 ** 30;

/** Row numbers, by modality: the items of each that may be seen. A modality that is not named is used whole. */
export type RowsByModality = Readonly<Record<string, ArrayLike<number>>>;

/** A recipe to train, from a folder of tables to a folder of bonds. */
export interface TrainRecipeOptions {
  readonly recipe: Recipe;
  /** Tables of every space that the recipe names; rows of one modality are the same items in all of them. */
  readonly tables: Tables;
  /** Folder for the bonds, one folder each. */
  readonly bonds: string;
  readonly backend: Backend;
  readonly rows?: RowsByModality;
  /** Factors with which bound spaces are mixed on the way, where a later step binds them again. */
  readonly factors?: FactorChoice;
  readonly training?: Partial<BondTraining>;
  readonly checkpoints?: Omit<CheckpointOptions, 'folder'>;
  /**
   * A folder of finished pieces, each by what it was made from: tables of pseudo pairs and of bound spaces, and heads, are
   * taken from there and put there. An expert that is added, or a run with other epochs, computes only what is new.
   */
  readonly reuse?: string;
  /**
   * What the reuse folder may hold: beyond it, the oldest pieces are removed when the last bond is done, but none that this
   * recipe is made of, whatever those take. Default 8 GiB.
   */
  readonly reuseBytes?: number;
  /** Only put together what shards have made; see `TrainBondOptions`. */
  readonly merge?: boolean;
  /** The last bond to make, by id. Default: all of them. */
  readonly upTo?: string;
  readonly resume?: boolean;
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/** One run's share of a recipe's training: of one bond, by default its only one. */
export interface RecipeShardOptions extends Omit<TrainRecipeOptions, 'merge' | 'upTo'> {
  readonly shard: Shard;
  readonly part: BondShardOptions['part'];
  readonly bond?: string;
  readonly reuse: string;
}

/** The bonds of a recipe, in its order, and the space that its steps make, as far as all of their bonds are there. */
export interface TrainedRecipe {
  readonly space: string;
  readonly bonds: readonly TrainedBond[];
}

/**
 * Trains every bond of a recipe, step by step. After each step but the last the bound space's tables are composed, and the next
 * step binds that space. A bond that is there already, made from the same data with the same options, is reused and said to be.
 *
 * @throws FREEBIND_BOND_UNKNOWN for a last bond that the recipe does not have, and what `planTraining`, `trainBond` and
 * `composeTables` refuse
 */
export async function* trainRecipe(
  options: TrainRecipeOptions,
): AsyncGenerator<TrainingEvent, TrainedRecipe, undefined> {
  const { recipe, upTo } = options;
  const job = await openJob(options);
  const { bonds } = job.plan;
  const wanted = upTo === undefined ? bonds : bonds.slice(0, bonds.indexOf(findPlanned(bonds, upTo)) + 1);
  const trained: TrainedBond[] = [];
  const pieces = new Set<string>();
  let composed: ComposedTables | undefined;
  try {
    for (const steps of recipe.steps.keys()) {
      const unified = composed ?? job.tablesOf(recipe.base);
      for (const planned of wanted.filter(({ step }) => step === steps)) {
        const bond = bondOptions(options, job, planned, unified);
        trained.push(yield* trainBond(bond));
        for (const name of await bondPieces(bond)) pieces.add(name);
      }
      for (const name of composed?.pieces ?? []) pieces.add(name);
      await composed?.close({ keep: false });
      composed = undefined;
      if (trained.length === wanted.length) break;
      composed = composeAfter(options, job, { steps: steps + 1, bonds: await readBonds(trained), suffix: 'composed' });
    }
  } finally {
    // Only a run that did not come to its end still has it.
    await composed?.close({ keep: true });
  }
  // While bonds are to be made, shards may be at work on them.
  if (options.reuse !== undefined && trained.length === bonds.length)
    await prunePieces(options.reuse, options.reuseBytes ?? REUSE_BYTES, pieces);
  // The step of the first bond that is not made.
  return { space: spaceIdOf(recipe, bonds[trained.length]?.step), bonds: trained };
}

/**
 * Does one shard of one bond of a recipe (see `trainBondShard`). The bonds of the steps before have to be there; their bound
 * space's tables are composed by whichever shard comes first, or by each for itself.
 *
 * @throws FREEBIND_BOND_UNKNOWN for a bond that the recipe does not have, FREEBIND_FILE_MISSING for the bond of a step before that
 * is not there, and as `trainRecipe`
 */
export async function* trainRecipeShard(options: RecipeShardOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  const { recipe, shard } = options;
  const job = await openJob(options);
  const { bonds } = job.plan;
  const planned = findPlanned(bonds, options.bond);
  const { step } = planned;
  const composed =
    step === 0
      ? undefined
      : composeAfter(options, job, {
          steps: step,
          bonds: await readBondsBefore(planned, bonds),
          suffix: `composed.shard-${shard.index}-of-${shard.count}`,
        });
  try {
    const bond = bondOptions(options, job, planned, composed ?? job.tablesOf(recipe.base));
    const { part, reuse } = options;
    yield* trainBondShard({ ...bond, shard, part, reuse });
  } finally {
    await composed?.close({ keep: false });
  }
}

/** The bond of a name, or the only one. @throws FREEBIND_BOND_UNKNOWN naming those that there are */
function findPlanned(bonds: readonly PlannedBond[], id: string | undefined): PlannedBond {
  const planned = id === undefined && bonds.length > 1 ? undefined : bonds.find((bond) => bond.id === (id ?? bond.id));
  if (planned !== undefined) return planned;
  throw new FreebindError(
    'FREEBIND_BOND_UNKNOWN',
    `${id === undefined ? 'A shard is of one bond, but none was named' : `The recipe has no bond "${id}"`}; name one of ${bonds.map((bond) => bond.id).join(', ')} (\`--bond\`).`,
  );
}

/** What a recipe's training is made of, checked. */
interface RecipeJob {
  readonly tables: Tables;
  readonly training: BondTraining;
  readonly plan: TrainingPlan;
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly tablesOf: (space: string) => SpaceTables;
}

async function openJob(options: TrainRecipeOptions): Promise<RecipeJob> {
  const { recipe, factors } = options;
  const tables = chooseRows(options.tables, options.rows);
  const training = { ...BOND_TRAINING, ...options.training };
  // Everything that can be refused without reading rows is refused before the first bond.
  const plan = planTraining({ recipe, tables, bonds: options.bonds, training, factors });
  const fingerprints = await fingerprintAll(tables, [recipe.base, ...plan.bonds.map(({ expert }) => expert.id)]);
  const tablesOf = (space: string): SpaceTables => ({
    space,
    tables: Object.fromEntries(tables.modalities(space).map((m) => [m, tables.table(space, m)])),
    fingerprints: Object.fromEntries(tables.modalities(space).map((m) => [m, fingerprints[`${space}.${m}`] ?? ''])),
  });
  return { tables, training, plan, fingerprints, tablesOf };
}

function bondOptions(
  options: TrainRecipeOptions,
  { training, tablesOf }: RecipeJob,
  { id, kind, expert, out }: PlannedBond,
  unified: SpaceTables | ComposedTables,
): TrainBondOptions {
  const prepare = 'prepare' in unified ? { prepare: unified.prepare } : {};
  return { ...options, kind, unified, expert: tablesOf(expert.id), id, out, training, ...prepare };
}

/** The tables of the bound space after `steps` steps, made when they are needed. */
function composeAfter(
  { recipe, backend, reuse, signal, bonds: into }: TrainRecipeOptions,
  { plan, tables, fingerprints }: RecipeJob,
  at: { readonly steps: number; readonly bonds: readonly BondData[]; readonly suffix: string },
): ComposedTables {
  const { steps, bonds, suffix } = at;
  const folder = join(into, `${folderName(spaceIdOf(recipe, steps))}.${suffix}`);
  return composeLater({ recipe, plan, steps, tables, members: fingerprints, bonds, backend, folder, reuse, signal });
}

async function readBonds(found: readonly { readonly path: string }[]): Promise<readonly BondData[]> {
  return Promise.all(found.map(async ({ path }) => (await readBond(path)).bond));
}

/** The bonds of the steps before that of a bond. @throws FREEBIND_FILE_MISSING saying how one that is not there is made */
async function readBondsBefore({ id, step }: PlannedBond, bonds: readonly PlannedBond[]): Promise<readonly BondData[]> {
  const before = bonds.filter((other) => other.step < step);
  return readBonds(before.map(({ out }) => ({ path: out }))).catch((cause: unknown) => {
    if (!isFreebindError(cause, 'FREEBIND_FILE_MISSING')) throw cause;
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `"${id}" binds the space of the steps before it, whose bonds are not all there: ${cause.message} Make them first, or put their shards together (\`freebind train --merge --bond ${before.at(-1)?.id}\`).`,
      { cause },
    );
  });
}

/** The same tables with only some rows of each modality. @throws FREEBIND_ARGUMENT_INVALID for rows that are not there */
function chooseRows(tables: Tables, rows: RowsByModality = {}): Tables {
  return {
    spaces: tables.spaces,
    modalities: (space) => tables.modalities(space),
    table: (space, modality) => {
      const table = tables.table(space, modality);
      const chosen = Object.hasOwn(rows, modality) ? rows[modality] : undefined;
      if (chosen === undefined) return table;
      const stray = Array.from(chosen).find((row) => !(Number.isInteger(row) && row >= 0 && row < table.rows));
      if (stray !== undefined) {
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `Row ${stray} of ${modality} was named to train on, but ${table.source} has rows 0 to ${table.rows - 1}.`,
        );
      }
      // Checked before they are chosen, so that a message names the row of the file.
      return selectRows(unitRows(table), Int32Array.from(chosen));
    },
  };
}

/** Reads every table of `spaces` once, which checks its rows: fingerprints by `SPACE.MODALITY`. */
async function fingerprintAll(tables: Tables, spaces: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const space of new Set(spaces)) {
    for (const modality of tables.modalities(space))
      found[`${space}.${modality}`] = await fingerprint(unitRows(tables.table(space, modality)));
  }
  return found;
}
