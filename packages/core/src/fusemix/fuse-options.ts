import type { Optimizer, Temperature } from '../backend.ts';
import type { AdapterShape } from '../adapter.ts';
import { FUSEMIX_RATE, type MixSchedule, type RateSchedule } from '../training/schedule.ts';
import type { LatentPreparation } from './latents.ts';

/** How a space is fused: plain data, written into the space. Every default is FuseMix's (arXiv 2312.10144, section 5.1 and appendix A). */
export interface FuseTraining {
  readonly seed: number;
  readonly epochs: number;
  /** Pairs of a batch; mixup makes half as many of them. */
  readonly batch: number;
  readonly rate: RateSchedule;
  readonly temperature: Temperature;
  readonly optimizer: Optimizer;
  /** α of the Beta that λ is drawn from, once a batch for all modalities; false trains without mixup. */
  readonly mixup: MixSchedule | false;
  readonly adapter: Required<Omit<AdapterShape, 'input'>>;
  /** What is done to encoder features first. Default nothing, as published; small data want `{ standardise: true, reduce: 256 }`. */
  readonly latents: LatentPreparation;
  /** Train on a part of the items: a greedy k-DPP's over the latents of one modality (default the first), which are held in memory, or a uniform one. */
  readonly subset?:
    | { readonly method: 'k-dpp' | 'uniform'; readonly size: number; readonly by?: string | undefined }
    | undefined;
  readonly shortBatch: 'drop' | 'fill';
}

/** FuseMix's published settings. */
export const FUSE_TRAINING = {
  seed: 0,
  epochs: 500,
  batch: 40_960,
  rate: FUSEMIX_RATE,
  temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
  mixup: { kind: 'constant', alpha: 1 },
  adapter: { output: 512, blocks: 4, expansion: 4, dropout: 0.6 },
  latents: {},
  shortBatch: 'drop',
} as const satisfies FuseTraining;
