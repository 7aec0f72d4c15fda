import { FreebindError } from './errors.ts';
import { nearest } from './nearest.ts';

/** What every backend may be given, whether it has use for it or not: `--threads` goes to each that `auto` tries. */
const COMMON = ['threads'];

/**
 * Refuses what a config says to a backend and the backend does not know, which would otherwise be without effect.
 *
 * @throws FREEBIND_ARGUMENT_INVALID naming the key and the nearest of `known`
 */
export function refuseUnknownOptions(backend: string, given: object, known: readonly string[]): void {
  const all = [...new Set([...known, ...COMMON])];
  const unknown = Object.keys(given).find((key) => !all.includes(key));
  if (unknown === undefined) return;
  const guess = nearest(unknown, all);
  const fix = guess === undefined ? 'remove it.' : `did you mean "${guess}"?`;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The ${backend} backend has no option "${unknown}"; ${fix} Its options are ${all.join(', ')}.`,
  );
}

/**
 * Refuses numbers of threads that are none or absurd. Threads beyond the cores only take turns, and a product then waits for all
 * of them: on 2 cores, 64 are 5 times as slow as 2, and 512 are 50 times. Up to 64 are let through anywhere, because a run's bits
 * come again only with the same number.
 *
 * @throws FREEBIND_ARGUMENT_INVALID naming it `name`
 */
export function checkThreads(count: number, cores: number, name = 'threads'): void {
  const most = Math.max(64, 4 * cores);
  if (Number.isSafeInteger(count) && count >= 1 && count <= most) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${name} is ${count}, expected a whole number from 1 to ${most}. This machine has ${cores} ${cores === 1 ? 'core' : 'cores'}; more threads than cores are slower.`,
  );
}
