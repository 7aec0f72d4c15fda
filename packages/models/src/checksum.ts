import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { FreebindError } from '@freebind/core';

/** sha256 of a file, in hex; `onBytes` hears how many were read. @throws FREEBIND_ABORTED */
export async function checksum(
  path: string,
  { signal, onBytes }: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (done: number) => void } = {},
): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  // A MiB at a time: files of gigabytes, and fewer events.
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    if (signal?.aborted === true) throw stopped(signal);
    hash.update(chunk);
    onBytes?.((done += chunk.length));
  }
  return hash.digest('hex');
}

export function stopped(signal: AbortSignal): FreebindError {
  return new FreebindError('FREEBIND_ABORTED', 'The work was stopped. What arrived is kept.', { cause: signal.reason });
}
