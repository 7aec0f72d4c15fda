import { stat } from 'node:fs/promises';
import { FreebindError } from '@freebind/core';

/** Refuses, before any work, to write over `path` unless `force`. @throws FREEBIND_OUTPUT_EXISTS */
export async function refuseExisting(path: string, force: boolean | undefined): Promise<void> {
  if (force === true) return;
  const there = await stat(path).catch(() => undefined);
  if (there === undefined) return;
  throw new FreebindError(
    'FREEBIND_OUTPUT_EXISTS',
    `${path} is there already. Choose another name, or add --force to replace it.`,
  );
}
