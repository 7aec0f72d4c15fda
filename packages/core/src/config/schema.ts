import { z } from 'zod';
import { isConfiguredPlugin } from '../plugin-manifest.ts';
import { checkOptions, isRecord } from './check-options.ts';
import type { Config } from './config.ts';
import { fuseSection } from './fuse-section.ts';
import type { PluginChoice } from './plugins.ts';
import { trainSection } from './train-section.ts';
import { between } from './values.ts';

const folder = (example: string): z.ZodOptional<z.ZodString> => {
  const error = `give a folder, such as ${JSON.stringify(example)}`;
  return z.string({ error }).min(1, { error }).optional();
};
const plugin = z.custom<PluginChoice>(isPluginChoice, {
  error: 'give the name of a package, [name, { options }], or a plugin that was called, as in onnx()',
});

/** The keys of a config and what they take. Unknown keys are errors: a setting that is not used is worse than one that is not there. */
export const configSchema = z.strictObject(
  {
    backend: plugin.optional(),
    plugins: z.array(plugin, { error: 'give a list of plugins' }).optional(),
    tables: folder('tables'),
    bonds: folder('bonds'),
    spaces: folder('spaces'),
    store: folder('.freebind'),
    seed: between(0, 2 ** 32 - 1).optional(),
    train: trainSection.optional(),
    fuse: z.record(z.string().min(1), fuseSection, { error: 'give the spaces to fuse by their names' }).optional(),
  },
  { error: 'give an object, such as { "backend": "onnx" }' },
);

/** Checks what a config file gave. @throws FREEBIND_CONFIG_INVALID naming every wrong key, what it was and the fix */
export function checkConfig(given: unknown, file: string): Config {
  // Optional keys that are absent are absent, so undefined is never among the values.
  return checkOptions(configSchema, given, { is: `${file} is not a valid config`, all: 'the whole file' }) as Config;
}

function isPluginChoice(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 2 && isName(value[0]) && isRecord(value[1]);
  return isName(value) || isConfiguredPlugin(value);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}
