import { join } from 'node:path';
import type { BondManifest } from '../bond.ts';
import { findSpace, sharedModalities, type SpaceShape } from '../bonding.ts';
import { shapesOf, type Tables } from '../compose-tables.ts';
import { type FactorChoice, type MixingStep, resolveFactors } from '../factors.ts';
import { formatStep, spaceIdOf } from '../recipe-text.ts';
import type { Factors, Recipe } from '../recipe.ts';
import { stepsPerEpoch } from './batch-order.ts';
import { bondId, type BondTraining, headsOf } from './bond-options.ts';

/** One bond that a recipe needs, trained or to be trained. */
export interface PlannedBond {
  readonly id: string;
  readonly kind: BondManifest['kind'];
  /** The recipe's step that needs it, from 0. */
  readonly step: number;
  readonly unified: SpaceShape;
  readonly expert: SpaceShape;
  /** By head: rows of its pseudo pairs, and steps that it will take. */
  readonly heads: readonly { readonly name: string; readonly rows: number; readonly steps: number }[];
  readonly out: string;
}

/** A recipe's training, step by step. */
export interface TrainingPlan {
  readonly bonds: readonly PlannedBond[];
  /** The space before each step, and after the last. */
  readonly spaces: readonly SpaceShape[];
  /** The factor of every modality that each step mixes. */
  readonly factors: readonly Factors[];
}

/**
 * The bonds of a recipe in the order in which they have to be trained, and how long that takes: nothing but shapes is read.
 *
 * @throws FREEBIND_SPACE_UNKNOWN FREEBIND_BOND_INVALID FREEBIND_SHAPE_MISMATCH FREEBIND_FACTOR_INVALID FREEBIND_ARGUMENT_INVALID
 */
export function planTraining(options: {
  readonly recipe: Recipe;
  readonly tables: Tables;
  /** Folder of bonds. */
  readonly bonds: string;
  readonly training: BondTraining;
  readonly factors?: FactorChoice | undefined;
}): TrainingPlan {
  const { recipe, tables, training } = options;
  const shapes = shapesOf(tables);
  const spaces = [findSpace(recipe.base, shapes, recipe)];
  const bonds: PlannedBond[] = [];
  const mixing: MixingStep[] = [];
  for (const [index, step] of recipe.steps.entries()) {
    const unified = spaces[index] ?? findSpace(recipe.base, shapes, recipe);
    const experts = step.experts.map((id) => findSpace(id, shapes, recipe));
    for (const [i, expert] of experts.entries()) {
      sharedModalities(unified, expert);
      const id = step.bonds?.[i] ?? bondId(step.kind, unified.id, expert.id);
      const heads = headsOf(training, unified.modalities).map(({ name, sources }) => {
        const rows = sources.reduce((sum, source) => sum + rowsOf(tables, source), 0);
        return { name, rows, steps: stepsOf(rows, step.kind, training) };
      });
      bonds.push({ id, kind: step.kind, step: index, unified, expert, heads, out: join(options.bonds, id) });
    }
    const brought = experts.flatMap(({ modalities }) => modalities);
    spaces.push({
      id: spaceIdOf(recipe, index + 1),
      dimension: (step.kind === 'displacement' ? experts[0] : unified)?.dimension ?? unified.dimension,
      modalities: [...new Set([...unified.modalities, ...brought])],
    });
    mixing.push({
      step,
      text: formatStep(step, { factors: false }),
      mixed: unified.modalities.filter((modality) => brought.includes(modality)),
    });
  }
  return { bonds, spaces, factors: resolveFactors(recipe, mixing, options.factors) };
}

/** Rows of a modality: the same in every space that has it. */
export function rowsOf(tables: Tables, modality: string): number {
  const space = tables.spaces.find((id) => tables.modalities(id).includes(modality));
  return space === undefined ? 0 : tables.table(space, modality).rows;
}

function stepsOf(rows: number, kind: PlannedBond['kind'], { batch, epochs, shortBatch }: BondTraining): number {
  const order = { seed: 0, stage: '', items: rows, batch: Math.min(batch, rows), shortBatch };
  return rows === 0 ? 0 : stepsPerEpoch(order) * epochs[kind];
}
