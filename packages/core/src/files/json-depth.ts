import { FreebindError } from '../errors.ts';

/** Levels of lists and objects in a JSON file: a residual block takes two, options a few. */
export const DEEPEST = 100;

/** Refuses what would exhaust the stack of whatever walks through it. @throws FREEBIND_FILE_INVALID */
export function checkDepth(facts: unknown, path: string): void {
  if (!isTooDeep(facts)) return;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} has lists or objects within each other more than ${DEEPEST} deep, but a dozen suffice. Write or copy it again.`,
  );
}

/** Whether JSON has lists and objects within each other more than `DEEPEST` deep. */
export function isTooDeep(value: unknown, levels = DEEPEST): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1));
}
