import { type Comparison, compareDirections } from './comparison.ts';
import { type DirectionsOptions, evaluateDirections } from './directions.ts';

/** What `measureForgetting` takes. */
export interface ForgettingOptions extends Omit<DirectionsOptions, 'modalities'> {
  /** The base space's rows by modality, [n, d]. */
  readonly before: DirectionsOptions['modalities'];
  /** The bound space's rows of the same items, [n, d′]: with one bond, or with all. */
  readonly after: DirectionsOptions['modalities'];
}

/**
 * What a bond costs, or gives, the space that was there before: every direction of the base space's own modalities before
 * and after, with the paired interval of the difference. A loss is a difference below 0.
 *
 * @throws what `evaluateDirections` and `compareDirections` refuse
 */
export async function measureForgetting(options: ForgettingOptions): Promise<readonly Comparison[]> {
  const { before, after, onProgress, ...scoring } = options;
  const kept = Object.fromEntries(Object.entries(after).filter(([modality]) => Object.hasOwn(before, modality)));
  const half =
    (part: number) =>
    (done: number, total: number): void =>
      onProgress?.(part * total + done, 2 * total);
  const was = await evaluateDirections({ ...scoring, modalities: before, onProgress: half(0) });
  const is = await evaluateDirections({ ...scoring, modalities: kept, onProgress: half(1) });
  return compareDirections(was, is, options.interval);
}
