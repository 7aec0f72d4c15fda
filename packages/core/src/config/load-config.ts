import { stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import type { Loader } from 'lilconfig';
import { type BackendChoice, backendFromEnvironment, overrideBackend } from '../backend-choice.ts';
import { FreebindError } from '../errors.ts';
import { DEEPEST, isTooDeep } from '../files/json-depth.ts';
import { isConfiguredPlugin } from '../plugin-manifest.ts';
import type { LoadedConfig } from './config.ts';
import type { PluginChoice } from './plugins.ts';

const NAMES = ['freebind.config.ts', 'freebind.config.mjs', 'freebind.config.json'];
const KINDS = ['.ts', '.mjs', '.json'];

/** Where a config is looked for and what stands in its place. */
export interface LoadConfigOptions {
  /** The file, or a folder to look in and above. Default: the working directory. */
  readonly path?: string;
  /** Used in place of what the environment (FREEBIND_BACKEND), and that in place of what the file says. */
  readonly backend?: BackendChoice;
}

/**
 * Loads and checks a config. The libraries that this takes are loaded only now.
 *
 * @throws FREEBIND_FILE_MISSING when there is none; FREEBIND_CONFIG_INVALID naming every wrong key and its fix
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const found = await findConfig(options);
  if (found !== undefined) return found;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `There is no ${NAMES.join(', ')} in ${resolve(options.path ?? '.')} or above it. Write one, or name the file.`,
  );
}

/** As `loadConfig`, but undefined when no file was named and none is there. */
export async function findConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig | undefined> {
  const path = resolve(options.path ?? '.');
  const entry = await stat(path).catch((cause: unknown) => {
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `There is no config at ${path}. Write one, or name another file.`,
      { cause },
    );
  });
  if (entry.isFile() && !KINDS.includes(extname(path))) {
    throw new FreebindError('FREEBIND_CONFIG_INVALID', `${path} is no config; a config is a ${KINDS.join(', ')} file.`);
  }
  const { defaultLoaders, lilconfig } = await import('lilconfig');
  const loaders = Object.fromEntries(
    Object.entries({ ...defaultLoaders, '.json': loadJson, '.ts': loadTypeScript }).map(([kind, load]) => [
      kind,
      naming(load),
    ]),
  );
  const explorer = lilconfig('freebind', { searchPlaces: NAMES, loaders, cache: false });
  const found = await (entry.isFile() ? explorer.load(path) : explorer.search(path));
  if (found === null) return undefined;
  const { checkConfig } = await import('./schema.ts');
  const { tables, bonds, spaces, store, plugins, ...config } = checkConfig(found.config, found.filepath);
  const folder = dirname(found.filepath);
  const backend = overrideBackend(config.backend, options.backend ?? backendFromEnvironment());
  const folders = Object.entries({ tables, bonds, spaces, store }).flatMap(([key, dir]) =>
    dir === undefined ? [] : [[key, resolve(folder, dir)] as const],
  );
  return {
    ...config,
    ...Object.fromEntries(folders),
    ...(plugins && { plugins: plugins.map((plugin) => withModelsFrom(folder, plugin)) }),
    ...(backend && { backend }),
    file: found.filepath,
    folder,
  };
}

/** A plugin whose option `models`, a folder of model files with every space that has some, is relative to `folder`. One that was configured in code has its own. */
function withModelsFrom(folder: string, plugin: PluginChoice): PluginChoice {
  if (typeof plugin === 'string' || isConfiguredPlugin(plugin)) return plugin;
  const [name, options] = plugin;
  if (!('models' in options) || typeof options.models !== 'string') return plugin;
  return [name, { ...options, models: resolve(folder, options.models) }];
}

/** A loader whose errors name the file. */
function naming(load: Loader): Loader {
  return async (path, content) => {
    try {
      return await load(path, content);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new FreebindError('FREEBIND_CONFIG_INVALID', `${path} cannot be loaded: ${reason}`, { cause });
    }
  };
}

function loadJson(_: string, content: string): unknown {
  const config: unknown = JSON.parse(content);
  // Whatever walks through it next would exhaust its stack.
  if (isTooDeep(config)) throw new Error(`its lists or objects are within each other more than ${DEEPEST} deep.`);
  return config;
}

async function loadTypeScript(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  // Without its caches: a config that was changed is read again, and nothing is written.
  return createJiti(path, { fsCache: false, moduleCache: false }).import(path, { default: true });
}
