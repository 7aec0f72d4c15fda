import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import type { Shard } from '@freebind/core/training';

/** The whole run, as a shard. */
export const WHOLE: Shard = { index: 0, count: 1 };

/** Folder of a modality's unfinished work in a table folder. */
export function workRoot(out: string, modality: string): string {
  return join(out, '.embed', modality);
}

/** Folder of a shard's work. */
export function partFolder(out: string, modality: string, { index, count }: Shard): string {
  return join(workRoot(out, modality), `${index}-of-${count}`);
}

/** Whether a chunk of the list is a shard's: they are dealt out in turn, so that shards need not know how long the list is. */
export function isOwn(chunk: number, { index, count }: Shard): boolean {
  return chunk % count === index;
}

/** How many chunks and inputs of a list of `items` are a shard's. */
export function shareOf(
  items: number,
  size: number,
  shard: Shard,
): { readonly chunks: number; readonly items: number } {
  const all = Math.ceil(items / size);
  const chunks = Math.max(0, Math.ceil((all - shard.index) / shard.count));
  const short = all > 0 && isOwn(all - 1, shard) ? all * size - items : 0;
  return { chunks, items: chunks * size - short };
}

/** @throws FREEBIND_ARGUMENT_INVALID */
export function checkShard({ index, count }: Shard): void {
  if (Number.isInteger(index) && Number.isInteger(count) && index >= 0 && index < count) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `Shard ${index} of ${count} was asked for; shards of n are numbered 0 to n − 1.`,
  );
}
