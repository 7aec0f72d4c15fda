import { z } from 'zod';
import type { Optimizer, Temperature } from '../backend.ts';
import type { FuseTraining } from '../fusemix/fuse-options.ts';
import type { SpaceManifest } from '../space.ts';
import type { MixSchedule, RateSchedule } from '../training/schedule.ts';
import { checkpoints } from './train-section.ts';
import { atLeast, between, either, flag, positive, rows, type RowsChoice, share, width } from './values.ts';

/** One space that `freebind fuse` makes, under its name, into the config's `spaces`. */
export interface FuseSection extends Partial<
  Omit<FuseTraining, 'seed' | 'rate' | 'temperature' | 'optimizer' | 'mixup' | 'adapter'>
> {
  /** Files of encoder features, paired by row: one a modality, or several of the same items (voices, drawings, captions). */
  readonly modalities: Readonly<Record<string, string | readonly string[]>>;
  /** Items to train on. Default all. */
  readonly rows?: RowsChoice;
  /** Tables to make with the space, by table folder and modality: `FOLDER/NAME.MODALITY.npy`; several files stand one below the other. */
  readonly embed?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  /** The peak of the published schedule, or another schedule. */
  readonly rate?: number | RateSchedule;
  /** Where the learned temperature starts, or all of it. */
  readonly temperature?: number | Temperature;
  readonly optimizer?: Partial<Optimizer>;
  /** α, or a schedule of it; false trains without mixup. */
  readonly mixup?: number | false | MixSchedule;
  readonly adapter?: Partial<FuseTraining['adapter']>;
  readonly source?: Partial<SpaceManifest['source']>;
  readonly checkpoints?: { readonly everySteps?: number; readonly everySeconds?: number };
}

const files = either(
  'give a file, or a list of files of the same items',
  z.string().min(1),
  z.array(z.string().min(1)).min(1),
);
const text = z.string().min(1).optional();

/** The keys of one space under `fuse`. */
export const fuseSection = z.strictObject({
  modalities: z.record(z.string().min(1), files),
  rows: rows.optional(),
  embed: z.record(z.string().min(1), z.record(z.string().min(1), files)).optional(),
  epochs: atLeast(0).optional(),
  batch: atLeast(2).optional(),
  rate: either(
    'give the peak learning rate, or a schedule: { kind: "constant", rate } or { kind: "warm-up-cosine", floor, peak, warmUpSteps }',
    positive(),
    z.strictObject({ kind: z.literal('constant'), rate: positive() }),
    z.strictObject({
      kind: z.literal('warm-up-cosine'),
      floor: z.number().min(0),
      peak: positive(),
      warmUpSteps: atLeast(0),
    }),
  ).optional(),
  temperature: either(
    'give where the learned temperature starts, or { initial, learned: { min, max } }',
    positive(),
    z.strictObject({
      initial: positive(),
      learned: z.strictObject({ min: positive(), max: positive() }).optional(),
    }),
  ).optional(),
  optimizer: z
    .strictObject({
      beta1: share().optional(),
      beta2: share().optional(),
      epsilon: positive().optional(),
      weightDecay: z.number().min(0, { error: 'give a number of at least 0' }).optional(),
    })
    .optional(),
  mixup: either(
    'give α above 0, false, or a schedule: { kind: "cosine" | "exponential", from, to }',
    positive(),
    z.literal(false),
    z.strictObject({ kind: z.literal('constant'), alpha: positive() }),
    z.strictObject({ kind: z.enum(['cosine', 'exponential']), from: positive(), to: positive() }),
  ).optional(),
  adapter: z
    .strictObject({
      output: width().optional(),
      blocks: between(0, 100).optional(),
      expansion: between(1, 100).optional(),
      dropout: share().optional(),
    })
    .optional(),
  latents: z
    .strictObject({ standardise: flag().optional(), reduce: atLeast(1).optional(), whiten: flag().optional() })
    .optional(),
  subset: z
    .strictObject({
      method: z.enum(['k-dpp', 'uniform'], { error: 'give "k-dpp" or "uniform"' }),
      size: atLeast(1),
      by: z.string().optional(),
    })
    .optional(),
  shortBatch: z.enum(['drop', 'fill'], { error: 'give "drop" or "fill"' }).optional(),
  source: z.strictObject({ paper: text, checkpoint: text, license: text }).optional(),
  checkpoints: checkpoints.optional(),
});
