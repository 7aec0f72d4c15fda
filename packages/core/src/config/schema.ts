import { z } from 'zod';
import { FreebindError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { isConfiguredPlugin } from '../plugin-manifest.ts';
import type { Config } from './config.ts';
import { fuseSection } from './fuse-section.ts';
import type { PluginChoice } from './plugins.ts';
import { trainSection } from './train-section.ts';

const folder = (example: string): z.ZodOptional<z.ZodString> => {
  const error = `give a folder, such as ${JSON.stringify(example)}`;
  return z.string({ error }).min(1, { error }).optional();
};
const plugin = z.custom<PluginChoice>(isPluginChoice, {
  error: 'give the name of a package, [name, { options }], or a plugin that was called, as in onnx()',
});
const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

/** The keys of a config and what they take. Unknown keys are errors: a setting that is not used is worse than one that is not there. */
export const configSchema = z.strictObject({
  backend: plugin.optional(),
  plugins: z.array(plugin, { error: 'give a list of plugins' }).optional(),
  tables: folder('tables'),
  bonds: folder('bonds'),
  spaces: folder('spaces'),
  store: folder('.freebind'),
  seed: z
    .custom<number>((value) => seed.safeParse(value).success, {
      error: `give a whole number from 0 to ${2 ** 32 - 1}`,
    })
    .optional(),
  train: trainSection.optional(),
  fuse: z.record(z.string().min(1), fuseSection, { error: 'give the spaces to fuse by their names' }).optional(),
});

/** Checks what a config file gave. @throws FREEBIND_CONFIG_INVALID naming every wrong key, what it was and the fix */
export function checkConfig(given: unknown, file: string): Config {
  const parsed = configSchema.safeParse(given);
  // Optional keys that are absent are absent, so undefined is never among the values.
  if (parsed.success) return parsed.data as Config;
  const lines = parsed.error.issues.flatMap((issue) => explain(issue, given));
  throw new FreebindError(
    'FREEBIND_CONFIG_INVALID',
    `${file} is not a valid config:\n${lines.map((line) => `  - ${line}`).join('\n')}`,
    {
      cause: parsed.error,
    },
  );
}

function explain(issue: z.core.$ZodIssue, given: unknown): readonly string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(configSchema, path);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const fix = guess === undefined ? 'remove it' : `did you mean "${guess}"?`;
      return `${[...path, key].join('.')}: no such key; ${fix} Keys here: ${known.join(', ')}.`;
    });
  }
  const value = path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), given);
  const shown = value === undefined ? 'missing' : (JSON.stringify(value)?.slice(0, 80) ?? typeof value);
  return [`${path.join('.') || 'the whole file'} is ${shown}: ${issue.message}.`];
}

/** Names of the keys that an object of the schema may have at a path. */
function keysAt(schema: z.ZodType, path: readonly string[]): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    return keysAt(schema.unwrap() as z.ZodType, path); // zod types what it unwraps as its own base
  }
  if (schema instanceof z.ZodArray) return keysAt(schema.element as z.ZodType, path.slice(1)); // likewise
  if (schema instanceof z.ZodRecord) return keysAt(schema.valueType as z.ZodType, path.slice(1)); // likewise
  if (!(schema instanceof z.ZodObject)) return [];
  const [key, ...rest] = path;
  const inner: unknown = key === undefined ? undefined : schema.shape[key];
  return inner instanceof z.ZodType ? keysAt(inner, rest) : Object.keys(schema.shape);
}

function isPluginChoice(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 2 && isName(value[0]) && isRecord(value[1]);
  return isName(value) || isConfiguredPlugin(value);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
