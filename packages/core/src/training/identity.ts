/**
 * The first place where two values of plain data differ, in words (`batch is 64 there and 128 here`), or undefined when they
 * are equal as JSON. Checkpoints and finished work carry what they were made from, so that a refusal can say what changed.
 */
export function findDifference(there: unknown, here: unknown): string | undefined {
  return compare(JSON.parse(JSON.stringify(there)), JSON.parse(JSON.stringify(here)), '');
}

function compare(there: unknown, here: unknown, path: string): string | undefined {
  if (isRecord(there) && isRecord(here)) {
    for (const key of new Set([...Object.keys(there), ...Object.keys(here)])) {
      const found = compare(there[key], here[key], path === '' ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return there === here ? undefined : `${path || 'it'} is ${show(there)} there and ${show(here)} here`;
}

/** Objects and lists alike: a list's keys are its indices. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
