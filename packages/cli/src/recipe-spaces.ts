import type { PluginChoice, Recipe } from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';

/** freebind's own packages of spaces. They are loaded where a recipe names a space of theirs, without a config that lists them. */
const OWN_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@freebind/space-imagebind': ['imagebind', 'imagebind†'],
  '@freebind/space-internvl': ['internvl'],
  '@freebind/space-clap': ['clap-general', 'clap-music', 'clap-unfused'],
};

/** Ids of the spaces that a recipe binds, each once. */
export function spacesOf({ base, steps }: Recipe): readonly string[] {
  return [...new Set([base, ...steps.flatMap((step) => step.experts)])];
}

/**
 * A config's plugins, and of freebind's own packages those that bring what is wanted and no plugin of the config brings.
 *
 * @throws FREEBIND_PLUGIN_MISSING with the line that installs it
 */
export async function pluginsFor(
  wanted: readonly string[],
  config: Pick<LoadedConfig, 'plugins' | 'folder'> | undefined,
): Promise<readonly PluginChoice[]> {
  const { plugins = [], folder = process.cwd() } = config ?? {};
  const brought = new Set((await Promise.all(plugins.map((plugin) => spacesIn(plugin, folder)))).flat());
  const missing = wanted.filter((id) => !brought.has(id));
  const own = Object.keys(OWN_PACKAGES).filter((name) => missing.some((id) => OWN_PACKAGES[name]?.includes(id)));
  if (missing.every((id) => own.some((name) => OWN_PACKAGES[name]?.includes(id)))) return [...plugins, ...own];
  // A space that nobody brings is refused with the names of those that there are.
  const installed: string[] = [];
  for (const name of Object.keys(OWN_PACKAGES))
    await spacesIn(name, folder).then(
      () => installed.push(name),
      () => undefined,
    );
  return [...plugins, ...installed];
}

/** Ids of the spaces that a plugin can bring. None of its code is run, unless its options alone decide that. */
export async function spacesIn(plugin: PluginChoice, folder: string): Promise<readonly string[]> {
  if (typeof plugin !== 'string' && 'manifest' in plugin) return plugin.manifest.spaces ?? [];
  const { inspectPlugin, loadPlugin } = await import('@freebind/core/config');
  const { manifest } = await inspectPlugin(typeof plugin === 'string' ? plugin : plugin[0], folder);
  const { spaces = [], bonds = [], backends = [] } = manifest;
  if (typeof plugin === 'string' || spaces.length + bonds.length + backends.length > 0) return spaces;
  return (await loadPlugin(plugin, folder)).manifest.spaces ?? [];
}
