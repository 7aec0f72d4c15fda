import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFreebindError } from '../errors.ts';
import type { PluginManifest } from '../plugin.ts';
import { inspectPlugin } from './plugins.ts';

/** freebind's own backends, of which some may be installed. */
export const OWN_BACKENDS: readonly string[] = ['onnx', 'webgpu', 'tfjs', 'reference'].map(
  (name) => `@freebind/backend-${name}`,
);

/** A plugin as its package.json tells of it, none of its code having run, or why it cannot be used. */
export interface FoundPlugin {
  readonly package: string;
  readonly version?: string;
  readonly manifest?: PluginManifest;
  /** A FreebindError, FREEBIND_PLUGIN_MISSING for what is not installed. */
  readonly problem?: unknown;
}

/** Looks from `folder` for the plugins `named`, and for those among the packages that the project there depends on. */
export async function findPlugins(folder: string, named: readonly string[]): Promise<readonly FoundPlugin[]> {
  const names = [...new Set([...named, ...(await dependenciesOf(folder))])];
  const found = await Promise.all(names.map((name) => look(name, folder)));
  // Most packages that a project depends on are no plugins; one of another apiVersion is.
  return found.filter(
    (plugin) =>
      named.includes(plugin.package) ||
      plugin.manifest !== undefined ||
      isFreebindError(plugin.problem, 'FREEBIND_PLUGIN_INCOMPATIBLE'),
  );
}

async function look(name: string, folder: string): Promise<FoundPlugin> {
  try {
    const { manifest, folder: home } = await inspectPlugin(name, folder);
    const { version } = await readObject(join(home, 'package.json'));
    return { package: name, version: String(version), manifest };
  } catch (problem) {
    return { package: name, problem };
  }
}

/** Names of the packages that the project in `folder` depends on. */
async function dependenciesOf(folder: string): Promise<readonly string[]> {
  const json = await readObject(join(folder, 'package.json'));
  return ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'].flatMap((key) => {
    const list = json[key];
    return typeof list === 'object' && list !== null ? Object.keys(list) : [];
  });
}

async function readObject(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>; // an object from JSON
  } catch {
    // No package here, or none that can be read: nothing to tell.
  }
  return {};
}
