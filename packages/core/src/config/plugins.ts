import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { moduleResolve } from 'import-meta-resolve';
import { FreebindError, isFreebindError } from '../errors.ts';
import type { ConfiguredPlugin, PluginManifest } from '../plugin.ts';
import { equalManifests, isConfiguredPlugin, readPluginManifest } from '../plugin-manifest.ts';

/** A plugin as a config names it: its npm package or folder, alone or with options, or one that was configured in code. */
export type PluginChoice = string | readonly [name: string, options: object] | ConfiguredPlugin;

/**
 * Finds a plugin from `folder`, else beside core itself (where the CLI's own plugins are), reads the manifest in its
 * package.json, and only then imports it.
 *
 * @throws FREEBIND_PLUGIN_MISSING with the line that installs it; FREEBIND_PLUGIN_INCOMPATIBLE before any of its code is run;
 *   FREEBIND_PLUGIN_INVALID when it is not a plugin or its code brings something else than its package.json says
 */
export async function loadPlugin(choice: PluginChoice, folder: string): Promise<ConfiguredPlugin> {
  if (isConfiguredPlugin(choice)) return choice;
  const [name, options] = typeof choice === 'string' ? [choice] : choice;
  const { manifest, entry } = await inspectPlugin(name, folder);
  const plugin = await importPlugin(entry, name);
  if (typeof plugin !== 'function' || !('manifest' in plugin)) {
    throw invalid(name, `${entry.href} does not export a plugin by default. Export what definePlugin() returns`);
  }
  const exported = readPluginManifest(plugin.manifest, name);
  if (!equalManifests(exported, manifest)) {
    throw invalid(
      name,
      `its code says ${JSON.stringify(exported)}, but its package.json says ${JSON.stringify(manifest)}. Both must be the same`,
    );
  }
  const configured: unknown = plugin(options);
  if (!isConfiguredPlugin(configured))
    throw invalid(name, 'calling it gives no plugin. Export what definePlugin() returns');
  return configured;
}

/** A plugin's manifest and entry, without running any of its code. @throws as `loadPlugin` */
export async function inspectPlugin(
  name: string,
  folder: string,
): Promise<{ readonly manifest: PluginManifest; readonly entry: URL; readonly folder: string }> {
  const home = await findPackage(name, folder);
  const path = join(home, 'package.json');
  const json = await readPackage(path, name);
  const manifest = readPluginManifest(json['freebind'], name);
  if (manifest.package !== json['name']) {
    throw invalid(
      name,
      `it calls itself "${manifest.package}" in its "freebind" field, but its name is "${String(json['name'])}"`,
    );
  }
  return { manifest, entry: entryOf(json, path, name), folder: home };
}

async function findPackage(name: string, folder: string): Promise<string> {
  const isPath = name.startsWith('.') || isAbsolute(name);
  const places = isPath
    ? [resolve(folder, name)]
    : [...homesAbove(folder, name), ...homesAbove(dirname(fileURLToPath(import.meta.url)), name)];
  for (const place of places) {
    const found = await stat(join(place, 'package.json')).then(
      (entry) => entry.isFile(),
      () => false,
    );
    if (found) return place;
  }
  throw new FreebindError(
    'FREEBIND_PLUGIN_MISSING',
    isPath
      ? `There is no plugin at ${resolve(folder, name)}: it has no package.json. Name the folder of a package.`
      : `Plugin "${name}" is not installed (looked from ${folder}). Install it: npm i ${name}`,
  );
}

/** `node_modules/NAME` of a folder and of every one above it, nearest first, as Node looks for packages. */
function homesAbove(folder: string, name: string): readonly string[] {
  const above = dirname(folder);
  const here = join(folder, 'node_modules', name);
  return above === folder ? [here] : [here, ...homesAbove(above, name)];
}

async function readPackage(path: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>; // an object from JSON
  } catch (cause) {
    throw invalid(name, `${path} cannot be read: ${String(cause)}`, cause);
  }
  throw invalid(name, `${path} holds no object`);
}

/** Where the package begins, by its `exports` under the conditions that Node runs with, or by its `main`. */
function entryOf(json: Readonly<Record<string, unknown>>, path: string, name: string): URL {
  const { exports, main } = json;
  if (exports === undefined || exports === null) {
    return pathToFileURL(resolve(dirname(path), typeof main === 'string' ? main : 'index.js'));
  }
  try {
    // A package may resolve itself by name, so this asks for exactly this copy of it.
    return moduleResolve(String(json['name']), pathToFileURL(path), new Set(['node', 'import', ...userConditions()]));
  } catch (cause) {
    throw invalid(
      name,
      `its entry cannot be found: ${String(cause)}. If the package has a build, build it first: npm run build`,
      cause,
    );
  }
}

/** Conditions that Node was started with, `--conditions=X` or `-C X`; Node has no other way to say them. */
function userConditions(): readonly string[] {
  const args = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return args.flatMap((arg, i) => {
    if (arg === '--conditions' || arg === '-C') return args[i + 1] ?? [];
    return arg.startsWith('--conditions=') ? arg.slice('--conditions='.length) : [];
  });
}

async function importPlugin(entry: URL, name: string): Promise<unknown> {
  try {
    const module: unknown = await import(/* @vite-ignore */ entry.href);
    return typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  } catch (cause) {
    if (isFreebindError(cause)) throw cause;
    throw invalid(name, `its code failed when it was imported: ${String(cause)}`, cause);
  }
}

function invalid(name: string, what: string, cause?: unknown): FreebindError {
  return new FreebindError('FREEBIND_PLUGIN_INVALID', `Plugin "${name}" cannot be used: ${what}.`, { cause });
}
