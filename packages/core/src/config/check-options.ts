import type { z } from 'zod';
import { FreebindError } from '../errors.ts';
import { nearest } from '../nearest.ts';

/**
 * Checks options that somebody wrote, such as a config or what a plugin is given in one. `words.is` begins the message, and
 * `words.all` names the value itself.
 *
 * @throws FREEBIND_CONFIG_INVALID naming every wrong key, what it was and the fix; of keys that are unknown, the nearest known one
 */
export function checkOptions<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  words: { readonly is: string; readonly all: string },
): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap((issue) => explain(issue, schema, given, words.all));
  throw new FreebindError('FREEBIND_CONFIG_INVALID', `${words.is}:\n${lines.map((line) => `  - ${line}`).join('\n')}`, {
    cause: parsed.error,
  });
}

function explain(issue: z.core.$ZodIssue, schema: z.ZodType, given: unknown, all: string): readonly string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const fix = guess === undefined ? 'remove it.' : `did you mean "${guess}"?`;
      return `${[...path, key].join('.')}: no such key; ${fix} Keys here: ${known.join(', ')}.`;
    });
  }
  const value = path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), given);
  const absent = path.length === 0 ? 'empty' : 'missing';
  const shown = value === undefined ? absent : (JSON.stringify(value)?.slice(0, 80) ?? typeof value);
  return [`${path.join('.') || all} is ${shown}: ${issue.message}.`];
}

/** Names of the keys that an object of the schema may have at a path. */
function keysAt(schema: z.core.$ZodType, path: readonly string[]): readonly string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod; // the union of all schemas that zod makes
  if (def.type === 'optional' || def.type === 'default') return keysAt(def.innerType, path);
  if (def.type === 'array') return keysAt(def.element, path.slice(1));
  if (def.type === 'record') return keysAt(def.valueType, path.slice(1));
  if (def.type !== 'object') return [];
  const [key, ...rest] = path;
  const inner = key === undefined ? undefined : def.shape[key];
  return inner === undefined ? Object.keys(def.shape) : keysAt(inner, rest);
}

/** Whether a value has keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
