import { FreebindError, type PluginChoice } from '@freebind/core';
import type { SpaceOptions } from './options.ts';
import { spacesIn } from './recipe-spaces.ts';

/** Options whose keys are those that spaces take. */
const KEYS = ['models', 'device', 'precision', 'threads', 'workers', 'batch'] as const;

/**
 * The plugins with a command's options given to those that bring one of the spaces `ids`. One that brings several is told by `space`
 * which of them a folder of `models` is for.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a plugin that the config configures in code, which takes no other options
 */
export async function giveOptions(
  plugins: readonly PluginChoice[],
  {
    ids,
    options,
    folder,
  }: { readonly ids: readonly string[]; readonly options: SpaceOptions; readonly folder: string },
): Promise<readonly PluginChoice[]> {
  const given = KEYS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]] as const]));
  if (given.length === 0) return plugins;
  return Promise.all(
    plugins.map(async (plugin): Promise<PluginChoice> => {
      const brought = await spacesIn(plugin, folder);
      const first = brought.find((id) => ids.includes(id));
      if (first === undefined) return plugin;
      const space = options.models !== undefined && brought.length > 1 ? { space: first } : {};
      const more = { ...space, ...Object.fromEntries(given) };
      if (typeof plugin === 'string') return [plugin, more];
      if (!('manifest' in plugin)) return [plugin[0], { ...plugin[1], ...more }];
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `"${first}" is configured in code, so --${given.map(([key]) => key).join(', --')} cannot be given to it. Say it there, or name its package in the config.`,
      );
    }),
  );
}
