import { random } from '../random.ts';

/**
 * How items are shuffled whose tables are read from files: in blocks of `rows` consecutive items, so that a file is read in
 * pieces, which are put into random order, and then item by item within windows of `window` items of that order.
 */
export interface BlockShuffle {
  /** Consecutive items that stay in one window, but for those that a window's end cuts. */
  readonly rows: number;
  /** Items that are permuted among themselves, and held in memory while they are trained on. */
  readonly window: number;
}

/** What an epoch's order follows from. */
export interface Shuffle {
  readonly seed: number;
  readonly stage: string;
  readonly items: number;
  /** Default: every order of all items is equally likely. */
  readonly blocks?: BlockShuffle | undefined;
}

/**
 * The numbers 0 to items − 1 in an epoch's order.
 *
 * By blocks, two items of different blocks share a batch about as often as in a full shuffle, and only neighbours meet more
 * often: an item's batch holds on average at most (rows − 1) · (batch − 1) / (window − 1) others of its block, where a full
 * shuffle has (rows − 1) · (batch − 1) / (items − 1). A file whose neighbours are alike should be shuffled once on disk.
 */
export function shuffledItems({ seed, stage, items, blocks }: Shuffle, epoch: number): Int32Array {
  if (blocks === undefined) return random(seed, 'order', stage, epoch).permutation(items);
  const order = new Int32Array(items);
  let filled = 0;
  for (const block of random(seed, 'blocks', stage, epoch).permutation(Math.ceil(items / blocks.rows))) {
    const end = Math.min((block + 1) * blocks.rows, items);
    for (let item = block * blocks.rows; item < end; item++) order[filled++] = item;
  }
  for (let start = 0; start < items; start += blocks.window) {
    const inOrder = order.slice(start, start + blocks.window);
    const places = random(seed, 'window', stage, epoch, start).permutation(inOrder.length);
    places.forEach((place, i) => (order[start + i] = inOrder[place] ?? -1));
  }
  return order;
}
