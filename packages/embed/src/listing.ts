import { createHash, type Hash } from 'node:crypto';
import { FreebindError } from '@freebind/core';
import type { Item, Items } from './items.ts';

/** By what a list of inputs is known again. */
export interface Listing {
  readonly items: number;
  /** SHA-256 of the ids, paths and texts, in order. What is in the files is not read. */
  readonly sha256: string;
}

/** Counts and hashes a list as it is walked. */
export class ListingMeter {
  readonly #hash: Hash = createHash('sha256');
  #items = 0;

  add({ id, path, text }: Item): void {
    this.#items++;
    this.#hash.update(`${JSON.stringify([id, path ?? null, text ?? null])}\n`);
  }

  /** What was added; nothing can be added after it. */
  finish(): Listing {
    return { items: this.#items, sha256: this.#hash.digest('hex') };
  }
}

/** Walks a list once, to know how long it is and to know it again; `visit` sees each item. @throws FREEBIND_ARGUMENT_INVALID when it is empty, FREEBIND_ABORTED, and what walking it and `visit` throw */
export async function listItems(
  items: Items,
  { visit, signal }: { readonly visit?: (item: Item) => Promise<void>; readonly signal?: AbortSignal | undefined } = {},
): Promise<Listing> {
  const meter = new ListingMeter();
  for await (const item of items()) {
    if (signal?.aborted === true) throw new FreebindError('FREEBIND_ABORTED', 'Stopped while the inputs were counted.');
    meter.add(item);
    await visit?.(item);
  }
  const listing = meter.finish();
  if (listing.items > 0) return listing;
  throw new FreebindError('FREEBIND_ARGUMENT_INVALID', 'There are no inputs in the list. Give at least one.');
}

/** Whole chunks of a list, by their number from 0, the last one shorter. Those that are not `wanted` are passed over. @throws FREEBIND_CHECKPOINT_INVALID when the list is not what it was */
export async function* chunksOf(
  items: Items,
  {
    size,
    listing,
    wanted,
  }: { readonly size: number; readonly listing: Listing; readonly wanted: (chunk: number) => boolean },
): AsyncGenerator<readonly Item[], void, undefined> {
  const meter = new ListingMeter();
  let chunk: Item[] = [];
  let number = 0;
  for await (const item of items()) {
    meter.add(item);
    chunk.push(item);
    if (chunk.length < size) continue;
    if (wanted(number++)) yield chunk;
    chunk = [];
  }
  if (chunk.length > 0 && wanted(number)) yield chunk;
  const now = meter.finish();
  if (now.sha256 === listing.sha256) return;
  throw new FreebindError(
    'FREEBIND_CHECKPOINT_INVALID',
    `The list of inputs changed while it was embedded: it had ${listing.items} inputs and has ${now.items} now. Write the list to a file first (\`--list\`), and start anew (\`--force\`).`,
  );
}
