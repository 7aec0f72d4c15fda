import { FreebindError } from '../errors.ts';

/** A learning rate over a run, as data, so that it can be compared with a checkpoint's and written into provenance. */
export type RateSchedule =
  | { readonly kind: 'constant'; readonly rate: number }
  /** FuseMix's: a linear warm-up that ends with the first epoch, then a cosine over epochs down to `floor`. */
  | {
      readonly kind: 'warm-up-cosine';
      readonly floor: number;
      readonly peak: number;
      /** Steps from `floor` to `peak`; the first epoch may end before. */
      readonly warmUpSteps: number;
    };

/** The α of mixup's Beta(α, α) over a run. */
export type MixSchedule =
  | { readonly kind: 'constant'; readonly alpha: number }
  | { readonly kind: 'cosine' | 'exponential'; readonly from: number; readonly to: number };

/** Where a run stands: `step` and `epoch` count from 0 through the whole run of `epochs`. */
export interface Moment {
  readonly step: number;
  readonly epoch: number;
  readonly epochs: number;
}

/** FuseMix's published schedule: 1e-6 → 1e-3 over 100 steps, then cosine (paper, appendix A; LAVIS' `linear_warmup_cosine_lr`). */
export const FUSEMIX_RATE = {
  kind: 'warm-up-cosine',
  floor: 1e-6,
  peak: 1e-3,
  warmUpSteps: 100,
} as const satisfies RateSchedule;

/**
 * The learning rate of one step. Warm-up and cosine: `min(peak, floor + (peak − floor) · step / warmUpSteps)` in the first
 * epoch, `floor + (peak − floor) · ½(1 + cos(π · epoch / epochs))` in every later one.
 */
export function rateAt(schedule: RateSchedule, { step, epoch, epochs }: Moment): number {
  if (schedule.kind === 'constant') return schedule.rate;
  const { floor, peak, warmUpSteps } = schedule;
  if (epoch === 0) return Math.min(peak, floor + ((peak - floor) * step) / Math.max(warmUpSteps, 1));
  return floor + (peak - floor) * 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs));
}

/**
 * Mixup's α in one epoch: `to + (from − to) · ½(1 + cos(π · epoch / epochs))` or `from · (to / from)^(epoch / epochs)`
 * (layer6ai-labs/fusemix `lavis/models/fusion_models/mixup.py`).
 *
 * @throws FREEBIND_ARGUMENT_INVALID unless every α of the schedule is above 0
 */
export function alphaAt(schedule: MixSchedule, { epoch, epochs }: Pick<Moment, 'epoch' | 'epochs'>): number {
  const ends = schedule.kind === 'constant' ? [schedule.alpha] : [schedule.from, schedule.to];
  const bad = ends.find((alpha) => !(alpha > 0 && Number.isFinite(alpha)));
  if (bad !== undefined) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Mixup's α is ${bad}; it must be a finite number above 0. Leave mixup out to train without it.`,
    );
  }
  if (schedule.kind === 'constant') return schedule.alpha;
  const { from, to } = schedule;
  if (schedule.kind === 'exponential') return from * (to / from) ** (epoch / epochs);
  return to + (from - to) * 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs));
}
