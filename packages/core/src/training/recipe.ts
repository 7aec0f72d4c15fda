import { join } from 'node:path';
import type { Backend } from '../backend.ts';
import type { Tables } from '../compose-tables.ts';
import { FreebindError } from '../errors.ts';
import type { FactorChoice } from '../factors.ts';
import { readBond } from '../files/bond-folder.ts';
import { fingerprint } from '../files/fingerprint.ts';
import type { SpaceTables } from '../pseudo-pairs/tuples.ts';
import { spaceIdOf } from '../recipe-text.ts';
import type { Recipe } from '../recipe.ts';
import { selectRows } from '../table.ts';
import { unitRows } from '../unit-rows.ts';
import { BOND_TRAINING, type BondTraining, folderName } from './bond-options.ts';
import { trainBond, type TrainedBond } from './bond.ts';
import { composeLater, type ComposedTables } from './composed-tables.ts';
import type { TrainingEvent } from './events.ts';
import type { CheckpointOptions } from './run.ts';
import { planTraining } from './training-plan.ts';

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
  readonly resume?: boolean;
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/** The bonds of a recipe, in its order, and the space that they make. */
export interface TrainedRecipe {
  readonly space: string;
  readonly bonds: readonly TrainedBond[];
}

/**
 * Trains every bond of a recipe, step by step. After each step but the last the bound space's tables are composed, and the next
 * step binds that space. A bond that is there already, made from the same data with the same options, is reused and said to be.
 *
 * @throws what `planTraining`, `trainBond` and `composeTables` refuse
 */
export async function* trainRecipe(
  options: TrainRecipeOptions,
): AsyncGenerator<TrainingEvent, TrainedRecipe, undefined> {
  const { recipe, factors, backend, signal } = options;
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

  const trained: TrainedBond[] = [];
  let composed: ComposedTables | undefined;
  try {
    for (const steps of recipe.steps.keys()) {
      const unified = composed ?? tablesOf(recipe.base);
      for (const { step, kind, expert, id, out } of plan.bonds) {
        if (step !== steps) continue;
        const bond = { ...options, kind, unified, expert: tablesOf(expert.id), id, out, training };
        trained.push(yield* trainBond({ ...bond, ...(composed !== undefined && { prepare: composed.prepare }) }));
      }
      await composed?.close({ keep: false });
      composed = undefined;
      if (steps + 1 === recipe.steps.length) break;
      const bonds = await Promise.all(trained.map(async ({ path }) => (await readBond(path)).bond));
      const folder = join(options.bonds, `${folderName(spaceIdOf(recipe, steps + 1))}.composed`);
      composed = composeLater({
        recipe,
        plan,
        steps: steps + 1,
        tables,
        members: fingerprints,
        bonds,
        backend,
        folder,
        signal,
      });
    }
  } finally {
    // Only a run that did not come to its end still has it.
    await composed?.close({ keep: true });
  }
  return { space: spaceIdOf(recipe), bonds: trained };
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
