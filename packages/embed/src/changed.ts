import { stat } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import type { EmbedEvent } from './events.ts';
import type { Item } from './items.ts';

/** Files that changed: how many, and the first of them. */
export interface Changed {
  readonly files: number;
  readonly first: string;
}

/** Inputs whose times are asked for at once. */
export const LOOKS = 64;

/**
 * Files of a list, given by `LOOKS` or so, that were changed or put there after `sinceMs`; undefined if there are none. It is the time of
 * the last change of any kind (ctime): the content's own (mtime) may be old in a file that was moved, copied or unpacked over
 * another. Texts and addresses have no such time.
 *
 * @throws FREEBIND_ABORTED
 */
export async function findChanged(
  chunks: AsyncIterable<readonly Item[]>,
  sinceMs: number,
  signal: AbortSignal | undefined,
): Promise<Changed | undefined> {
  let found: Changed | undefined;
  for await (const chunk of chunks) {
    if (signal?.aborted === true)
      throw new FreebindError('FREEBIND_ABORTED', 'Stopped while the inputs were looked at.');
    const paths = chunk.flatMap(({ path }) => path ?? []);
    const times = await Promise.all(paths.map(changedAt));
    for (const [i, path] of paths.entries())
      if ((times[i] ?? 0) > sinceMs) found = { files: (found?.files ?? 0) + 1, first: found?.first ?? path };
  }
  return found;
}

/**
 * When the first of `paths` was written or copied there, by the clock of their disk: milliseconds since 1970. A copy that keeps the times
 * of the content gives every file a new ctime, the inputs' as the tables'.
 */
export async function writtenAt(paths: readonly string[]): Promise<number> {
  const stats = await Promise.all(paths.map(async (path) => stat(path)));
  return Math.min(...stats.map(({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs)));
}

/** Says that rows that were kept are of files as they were then: another time is no other content, which only a reader of all files could tell. */
export function warnOf(
  { files, first }: Changed,
  { stage, mend }: { readonly stage: string; readonly mend: string },
): EmbedEvent {
  const message = `${were({ files, first })} changed or put there after the rows that are kept were made, and not embedded again. If they are other files now, ${mend}.`;
  return { type: 'warning', stage, message };
}

/** Says that rows of other spaces are of files as they were then, while this run embeds them as they are now. */
export function warnBeside(
  changed: Changed,
  { stage, there }: { readonly stage: string; readonly there: readonly string[] },
): EmbedEvent {
  const message = `${were(changed)} changed or put there after the tables of other spaces were made (${there.join(', ')}), and what they are now is embedded. If they are other files now, embed in those spaces again, too, with \`--force\`.`;
  return { type: 'warning', stage, message };
}

function were({ files, first }: Changed): string {
  return files === 1 ? `${first} was` : `${files} inputs, such as ${first}, were`;
}

/** 0 of what is no file, or none any more. */
async function changedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.ctimeMs ?? 0;
}
