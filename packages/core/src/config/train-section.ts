import { z } from 'zod';
import type { FactorChoice } from '../factors.ts';
import type { Recipe } from '../recipe.ts';
import type { BondTraining } from '../training/bond-options.ts';
import { atLeast, either, flag, positive, rows, type RowsChoice, unknownObject, width, words } from './values.ts';

/** What `freebind train` makes: the bonds of a recipe, from the config's `tables`, into its `bonds`. */
export interface TrainSection extends Partial<Omit<BondTraining, 'seed' | 'epochs'>> {
  readonly recipe: string | Recipe;
  /** Items that may be seen: one list for every modality, or one by modality. Default all. */
  readonly rows?: RowsChoice | Readonly<Record<string, RowsChoice>>;
  /** Factors with which a bound space is mixed where a later step binds it again. */
  readonly factors?: FactorChoice;
  /** Passes over a head's pseudo pairs, for all bonds or by kind. */
  readonly epochs?: number | Partial<BondTraining['epochs']>;
  readonly checkpoints?: { readonly everySteps?: number; readonly everySeconds?: number };
  /** GiB of finished pieces that are kept for later runs; those of the recipe itself are kept in any case. Default 8. */
  readonly reuseGiB?: number;
}

/** How often a run is saved. */
export const checkpoints = z.strictObject({
  everySteps: atLeast(1).optional(),
  everySeconds: positive().optional(),
});

const epochs = atLeast(0);
const GIB = 'give a number of GiB of at least 0';

/** The keys of `train`. What recipes, factors and heads may say is checked where they are used, with better words. */
export const trainSection = z.strictObject({
  recipe: either('give a recipe, such as "unified + c(expert)"', z.string().min(1), unknownObject),
  rows: either(
    'give a list of row numbers, "FILE.json:KEY", or one of these by modality',
    rows,
    z.record(z.string(), rows),
  ).optional(),
  factors: either(
    'give a preset, text such as "audio=.8,text=.5", or an object of numbers',
    z.string(),
    z.record(z.string(), z.number()),
  ).optional(),
  epochs: either(
    'give a whole number of at least 0, or { displacement, combination }',
    epochs,
    z.strictObject({ displacement: epochs.optional(), combination: epochs.optional() }),
  ).optional(),
  batch: atLeast(2).optional(),
  learningRate: positive().optional(),
  temperature: positive().optional(),
  aggregationTemperature: positive().optional(),
  normalise: flag().optional(),
  bank: atLeast(1).optional(),
  heads: either('give "all" or a list of source subsets, such as ["mix", "A"]', z.literal('all'), words).optional(),
  pairs: either(
    'give "all" or a list of [projected modality, target modality]',
    z.literal('all'),
    z.array(z.tuple([z.string(), z.string()])).min(1),
  ).optional(),
  hidden: width().optional(),
  shortBatch: z.enum(['drop', 'fill'], { error: 'give "drop" or "fill"' }).optional(),
  checkpoints: checkpoints.optional(),
  reuseGiB: z.number({ error: GIB }).min(0, { error: GIB }).optional(),
});
