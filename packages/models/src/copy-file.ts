import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';
import { createFileAtomic } from '@freebind/core/files';
import { stopped } from './checksum.ts';
import type { Arrived, Expected } from './download.ts';

/**
 * Copies a file of a model from a folder, verified as one that is downloaded would be; it has its name when it is whole.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_WRITE_FAILED FREEBIND_ABORTED
 */
export async function copyFile(
  source: string,
  target: string,
  expected: Expected,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (done: number, total: number) => void } = {},
): Promise<Arrived> {
  const { signal, onBytes } = options;
  const stats = await stat(source).catch(() => undefined);
  if (stats?.isFile() !== true)
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `There is no ${source}. Put the file there, or name the folder that has it.`,
    );
  const hash = createHash('sha256');
  const file = await createFileAtomic(target);
  try {
    let size = 0;
    for await (const chunk of createReadStream(source, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      if (signal?.aborted === true) throw stopped(signal);
      hash.update(chunk);
      await file.write(chunk);
      onBytes?.((size += chunk.length), stats.size);
    }
    const sha256 = hash.digest('hex');
    if ((expected.size ?? size) !== size || (expected.sha256 ?? sha256) !== sha256)
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${source} has ${size} bytes with sha256 ${sha256}, expected ${expected.size ?? size} bytes with ${expected.sha256 ?? sha256}. It is damaged or another file; it was not taken.`,
      );
    await file.commit();
    return { size, sha256 };
  } finally {
    await file.discard();
  }
}
