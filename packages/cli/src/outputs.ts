import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
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

/**
 * As `refuseExisting`, of a file that is written in the format of its `ending` whatever it is called, so that nobody takes it for
 * another.
 *
 * @throws FREEBIND_ARGUMENT_INVALID FREEBIND_OUTPUT_EXISTS
 */
export async function refuseOutput(path: string, ending: string, force: boolean | undefined): Promise<void> {
  if (extname(path) === ending) return refuseExisting(path, force);
  throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `${path} would be a ${ending} file; call it NAME${ending}.`);
}
