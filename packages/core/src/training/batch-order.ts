import { FreebindError } from '../errors.ts';
import { random } from '../random.ts';
import { type Shuffle, shuffledItems } from './shuffle.ts';

/** Which rows make which batch; everything follows from these numbers, so a run's order needs no state. */
export interface BatchOrder extends Shuffle {
  /** Items of the data; with `views`, tables hold row `view · items + item`. */
  readonly items: number;
  readonly batch: number;
  /** Rows that every item has, of which each epoch shows one. Default 1. */
  readonly views?: number;
  /** What becomes of items that do not fill a batch: nothing this epoch, or filled up with the epoch's first. Default `drop`. */
  readonly shortBatch?: 'drop' | 'fill';
}

/** Batches of one epoch. */
export function stepsPerEpoch({ items, batch, shortBatch = 'drop' }: BatchOrder): number {
  return shortBatch === 'drop' ? Math.floor(items / batch) : Math.ceil(items / batch);
}

/**
 * The row numbers of any step, 0, 1, 2, …: every epoch is `shuffledItems` cut into batches, and shows view `random(seed, 'view', stage, epoch)` of each item.
 *
 * @throws FREEBIND_ARGUMENT_INVALID when there are fewer items than a batch has rows
 */
export function batchOrder(order: BatchOrder): (step: number) => Int32Array {
  const { seed, stage, items, batch, views = 1 } = order;
  if (batch > items) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A batch of ${batch} needs as many items, but there are ${items}; lower \`batch\` or add items.`,
    );
  }
  const perEpoch = stepsPerEpoch(order);
  let cached = -1;
  let rows: Int32Array = new Int32Array(0);
  return (step) => {
    const epoch = Math.floor(step / perEpoch);
    if (epoch !== cached) {
      cached = epoch;
      rows = shuffledItems(order, epoch);
      const pick = random(seed, 'view', stage, epoch);
      if (views > 1) rows = rows.map((item) => pick.below(views) * items + item);
    }
    const start = (step % perEpoch) * batch;
    const whole = rows.slice(start, start + batch);
    if (whole.length === batch) return whole;
    const filled = new Int32Array(batch);
    filled.set(whole);
    filled.set(rows.subarray(0, batch - whole.length), whole.length);
    return filled;
  };
}
