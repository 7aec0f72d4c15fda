import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { writeFileAtomic } from '@freebind/core/files';
import { z } from 'zod';

/** What is known of the files in a folder of models, beside them: their checksums when they came, and an accepted licence. */
export const RECORD_FILE = '.freebind-models.json';

const recordedFile = z.object({
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where it came from, without what may be secret in a URL. */
  from: z.string(),
  /** When, as ISO 8601. */
  at: z.string(),
});
const record = z.object({
  files: z.record(z.string(), recordedFile),
  /** A licence that was accepted, and when. */
  licence: z.object({ name: z.string(), at: z.string() }).optional(),
});

export type ModelRecord = z.infer<typeof record>;

/** Reads a folder's record; an empty one where there is none. @throws FREEBIND_FILE_INVALID */
export async function readRecord(folder: string): Promise<ModelRecord> {
  const path = join(folder, RECORD_FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return { files: {} };
  try {
    return record.parse(JSON.parse(text));
  } catch (cause) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is not what freebind wrote. Delete it: the files beside it are then checked again.`,
      { cause },
    );
  }
}

/** Changes a folder's record. Whoever calls it holds the folder's lock. @throws FREEBIND_WRITE_FAILED */
export async function updateRecord(folder: string, change: (record: ModelRecord) => void): Promise<void> {
  const current = await readRecord(folder);
  change(current);
  await writeFileAtomic(join(folder, RECORD_FILE), `${JSON.stringify(current, undefined, 2)}\n`);
}
