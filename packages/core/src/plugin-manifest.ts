import { FreebindError } from './errors.ts';
import { API_VERSION, type ConfiguredPlugin, type PluginManifest } from './plugin.ts';

/** What a plugin can bring, and what one of each is called. */
export const BRINGS = { spaces: 'space', bonds: 'bond', backends: 'backend' } as const satisfies Partial<
  Record<keyof PluginManifest, string>
>;

/**
 * Reads a plugin's manifest from data nobody has checked, generation first, because the rest may differ in another one.
 *
 * @throws FREEBIND_PLUGIN_INCOMPATIBLE for another apiVersion; FREEBIND_PLUGIN_INVALID
 */
export function readPluginManifest(data: unknown, source: string): PluginManifest {
  const invalid = (what: string): FreebindError =>
    new FreebindError(
      'FREEBIND_PLUGIN_INVALID',
      `${source} is not a freebind plugin: ${what}. A plugin says { "apiVersion": ${API_VERSION}, "package": …, "spaces" | "bonds" | "backends": […] }.`,
    );
  if (typeof data !== 'object' || data === null) throw invalid('it has no "freebind" field in its package.json');
  const { apiVersion, package: name } = data as Partial<Record<keyof PluginManifest, unknown>>; // an object; fields are checked below
  if (typeof apiVersion !== 'number') throw invalid(`its apiVersion is ${JSON.stringify(apiVersion) ?? 'missing'}`);
  if (apiVersion !== API_VERSION) {
    const fix =
      apiVersion > API_VERSION ? 'Update core: npm i @freebind/core@latest' : `Update it: npm i ${String(name)}@latest`;
    throw new FreebindError(
      'FREEBIND_PLUGIN_INCOMPATIBLE',
      `${source} is a plugin of apiVersion ${apiVersion}, but this core runs apiVersion ${API_VERSION}; none of its code was run. ${fix}`,
    );
  }
  if (typeof name !== 'string' || name === '') throw invalid('its "package" is not the name of a package');
  const lists = Object.keys(BRINGS).map((key) => {
    const list = (data as Record<string, unknown>)[key] ?? []; // an object, as above
    if (!Array.isArray(list) || !list.every((id): id is string => typeof id === 'string' && id !== '')) {
      throw invalid(`its "${key}" is not a list of ids`);
    }
    return [key, Object.freeze([...list])];
  });
  return { apiVersion, package: name, ...Object.fromEntries(lists) };
}

/** Whether two manifests say the same, in whatever order. */
export function equalManifests(a: PluginManifest, b: PluginManifest): boolean {
  return canonical(a) === canonical(b);
}

function canonical({ apiVersion, package: name, spaces = [], bonds = [], backends = [] }: PluginManifest): string {
  return JSON.stringify([apiVersion, name, ...[spaces, bonds, backends].map((ids) => ids.toSorted())]);
}

/** True for what a plugin returns when it is called with options. */
export function isConfiguredPlugin(value: unknown): value is ConfiguredPlugin {
  return (
    typeof value === 'object' &&
    value !== null &&
    'manifest' in value &&
    typeof value.manifest === 'object' &&
    value.manifest !== null &&
    'load' in value &&
    typeof value.load === 'function'
  );
}
