import { FreebindError } from '../errors.ts';

/** Levels of lists and objects in a JSON file: a residual block takes two, options a few. */
const DEEPEST = 100;

/** Refuses what would exhaust the stack of whatever walks through it. @throws FREEBIND_FILE_INVALID */
export function checkDepth(facts: unknown, path: string): void {
  if (!isDeeper(facts, DEEPEST)) return;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} has lists or objects within each other more than ${DEEPEST} deep, but a dozen suffice for any network. Write or copy the folder again.`,
  );
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
