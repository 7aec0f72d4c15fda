import type { ContainerModuleLoadOptions } from 'inversify';
import { PLUGIN } from './tokens.ts';

/** The interface generation of this core. A plugin of another generation is refused before its code runs. */
export const API_VERSION = 1;

/**
 * What a plugin brings. The same object stands under `"freebind"` in its package.json, where it is read without running anything.
 * One that lists nothing there brings what its options say: its manifest with options lists it.
 */
export interface PluginManifest {
  readonly apiVersion: number;
  /** npm package name, for messages and lockfiles. */
  readonly package: string;
  readonly spaces?: readonly string[];
  readonly bonds?: readonly string[];
  readonly backends?: readonly string[];
  /** Path of its list of model files (`models.json`) within the package. */
  readonly models?: string;
}

/** A plugin with its options, ready to be loaded into a container; nothing of it has run yet. */
export interface ConfiguredPlugin {
  readonly manifest: PluginManifest;
  /**
   * The body of an inversify module, run after the manifest was accepted: `new ContainerModule(plugin.load)`. The function and
   * not the module, so that defining a plugin does not load inversify (0.1 s), and two copies of inversify do no harm.
   */
  readonly load: (container: ContainerModuleLoadOptions) => void;
  /** Its list of model files, as a `models.json` has it, where its options decide and no file of its package says. */
  readonly modelList?: unknown;
}

/** What a plugin brings by its options. */
export interface PluginOfOptions extends Pick<PluginManifest, 'spaces' | 'bonds' | 'backends'> {
  /** See `ConfiguredPlugin.modelList`. */
  readonly modelList?: unknown;
}

/** Call it with options to configure it. The manifest reads without calling. */
export interface Plugin<Options> {
  (options?: Options): ConfiguredPlugin;
  readonly manifest: PluginManifest;
}

/**
 * `load` is an ordinary inversify load function; it binds what the manifest lists and nothing else, and starts nothing. `brings` is
 * for plugins whose manifest lists nothing, since their options decide; it may throw for options that are wrong.
 */
export function definePlugin<Options extends object = Record<string, never>>(
  manifest: PluginManifest,
  load: (container: ContainerModuleLoadOptions, options: Partial<Options>) => void,
  brings: (options: Partial<Options>) => PluginOfOptions = () => ({}),
): Plugin<Options> {
  const plugin = (options: Partial<Options> = {}): ConfiguredPlugin => {
    const { modelList, ...brought } = brings(options);
    const configured = { ...manifest, ...brought };
    return {
      manifest: configured,
      load: (container) => {
        container.bind(PLUGIN).toConstantValue(configured);
        load(container, options);
      },
      ...(modelList !== undefined && { modelList }),
    };
  };
  return Object.assign(plugin, { manifest });
}
