import { AutoBackend, candidateOf } from './auto-backend.ts';
import type { Backend } from './backend.ts';
import {
  autoOptions,
  type BackendChoice,
  backendFromEnvironment,
  backendOf,
  findBackend,
  readBackendChoice,
} from './backend-choice.ts';
import type { BackendVerdict } from './backend-verdict.ts';
import { findSpace, type SpaceShape } from './bonding.ts';
import { BoundSpace } from './bound-space.ts';
import { type BondSource, type Composition, openComposition } from './composition.ts';
import type { PluginChoice } from './config/plugins.ts';
import { type Wiring, wirePlugins } from './container.ts';
import { FreebindError } from './errors.ts';
import type { FactorChoice } from './factors.ts';
import type { ConfiguredPlugin, PluginManifest } from './plugin.ts';
import { isConfiguredPlugin } from './plugin-manifest.ts';
import { recipe as readRecipe, type Recipe } from './recipe.ts';
import type { Space } from './space.ts';
import type { Store } from './store.ts';

/** What freebind is made of. A config has the same keys, so `freebind(await loadConfig())` works. */
export interface FreebindOptions {
  /** Configured in code, `clap({ models: './clap' })`, or named by package or folder. Only these are loaded. */
  readonly plugins?: readonly PluginChoice[];
  /** Default: what the environment variable FREEBIND_BACKEND says, else the first backend that a plugin brings. */
  readonly backend?: BackendChoice;
  /** Told what `backend: 'auto'` chose and why, when the backend starts. */
  readonly onBackend?: (verdict: BackendVerdict) => void;
  /** Bonds that recipes may use: a folder of bond folders, or bonds. */
  readonly bonds?: string | readonly BondSource[];
  /** Where plugins keep their files: a store or a folder. Default `.freebind` in `folder`. */
  readonly store?: Store | string;
  /** Plugins and folders are looked for from here. Default: the working directory. */
  readonly folder?: string;
}

/** What a recipe is bound with. */
export interface BindOptions {
  /** In place of `FreebindOptions.bonds`. */
  readonly bonds?: string | readonly BondSource[];
  /** A preset, `audio=.8,text=.5`, or an object. */
  readonly factors?: FactorChoice;
  /** Spaces besides those that plugins bring: bound spaces to bind again. They are not closed with freebind. */
  readonly spaces?: readonly Space[];
}

/**
 * Loads plugins and finds the backend; nothing is started before it is used.
 *
 * @throws FREEBIND_PLUGIN_MISSING FREEBIND_PLUGIN_INVALID FREEBIND_PLUGIN_INCOMPATIBLE
 */
export async function freebind(options: FreebindOptions = {}): Promise<Freebind> {
  const loaded = await loadPlugins(options);
  const store = await openStore(options);
  const auto = autoOptions(options.backend ?? backendFromEnvironment());
  if (auto !== undefined)
    return new Freebind(await wirePlugins(loaded, store), options, await openAuto(loaded, auto, options, store));
  const chosen = await chooseBackend(loaded, options);
  const wiring = await wirePlugins(chosen.plugins, store);
  return new Freebind(wiring, options, chosen.backend ?? wiring.ids('backends')[0]);
}

/** Plugins at work: spaces, one backend, and recipes that bind them. */
export class Freebind {
  readonly #wiring: Wiring;
  readonly #options: FreebindOptions;
  readonly #backend: string | AutoBackend | undefined;
  readonly #compositions: Composition[] = [];

  /** Made by `freebind()`. */
  constructor(wiring: Wiring, options: FreebindOptions, backend: string | AutoBackend | undefined) {
    this.#wiring = wiring;
    this.#options = options;
    this.#backend = backend;
  }

  /** Manifests of the plugins that are loaded. */
  get plugins(): readonly PluginManifest[] {
    return this.#wiring.plugins;
  }

  /** Ids of the spaces that the plugins bring. */
  get spaces(): readonly string[] {
    return this.#wiring.ids('spaces');
  }

  /** A space, made on the first call. @throws FREEBIND_SPACE_UNKNOWN */
  space(id: string): Promise<Space> {
    return this.#wiring.space(id);
  }

  /** The backend, started on the first call. @throws FREEBIND_PLUGIN_MISSING when no plugin brings one; FREEBIND_DEVICE_UNAVAILABLE */
  async backend(): Promise<Backend> {
    if (this.#backend === undefined) {
      throw new FreebindError(
        'FREEBIND_PLUGIN_MISSING',
        'No plugin brings a backend, so there is nothing to compute with. Install one, npm i @freebind/backend-onnx, and name it as "backend" or among the plugins.',
      );
    }
    return this.#backend instanceof AutoBackend ? this.#backend.start() : this.#wiring.backend(this.#backend);
  }

  /**
   * A recipe's spaces and bonds as one space.
   *
   * @throws FREEBIND_RECIPE_INVALID FREEBIND_SPACE_UNKNOWN FREEBIND_BOND_UNKNOWN FREEBIND_BOND_INVALID FREEBIND_SPACE_MISMATCH FREEBIND_FACTOR_INVALID
   */
  async bind(recipe: Recipe | string, options: BindOptions = {}): Promise<BoundSpace> {
    const parsed = readRecipe(recipe);
    const { spaces: extra = [], bonds, factors } = options;
    const members = new Map<string, Space>(extra.map((space) => [space.manifest.id, space]));
    const known = [...members.keys(), ...this.spaces].map((id) => ({ id }));
    for (const id of [parsed.base, ...parsed.steps.flatMap((step) => step.experts)]) {
      findSpace(id, known, parsed);
      if (!members.has(id)) members.set(id, await this.space(id));
    }
    const spaces = [...members.values()].map((space) => space.manifest);
    const composition = await this.compose(parsed, {
      spaces,
      ...(bonds !== undefined && { bonds }),
      ...(factors !== undefined && { factors }),
    });
    return new BoundSpace(composition, members, factors);
  }

  /**
   * A recipe ready for rows, of spaces that need not be loaded: the shapes of their tables are enough. `factors` are checked
   * before the backend starts. @throws as `bind`
   */
  async compose(
    recipe: Recipe | string,
    options: Omit<BindOptions, 'spaces'> & { readonly spaces: readonly SpaceShape[] },
  ): Promise<Composition> {
    const composition = await openComposition({
      recipe: readRecipe(recipe),
      spaces: options.spaces,
      bonds: await this.#bonds(options.bonds ?? this.#options.bonds ?? []),
      backend: () => this.backend(),
      ...(options.factors !== undefined && { factors: options.factors }),
    });
    this.#compositions.push(composition);
    return composition;
  }

  /** Closes bound spaces, plugins' spaces and bonds, and the backend. Calling it twice is quiet. */
  async close(): Promise<void> {
    await Promise.all(this.#compositions.splice(0).map((composition) => composition.close()));
    if (this.#backend instanceof AutoBackend) await this.#backend.close();
    await this.#wiring.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #bonds(given: string | readonly BondSource[]): Promise<readonly BondSource[]> {
    const brought = await Promise.all(this.#wiring.ids('bonds').map((id) => this.#wiring.bond(id)));
    if (typeof given !== 'string') return [...given, ...brought];
    const { bondsIn } = await import('./files/bond-sources.ts');
    return [...(await bondsIn(await resolveFrom(this.#options, given))), ...brought];
  }
}

async function loadPlugins({ plugins = [], folder }: FreebindOptions): Promise<readonly ConfiguredPlugin[]> {
  return Promise.all(plugins.map((choice) => loadChosen(choice, folder)));
}

async function loadChosen(choice: PluginChoice, folder: string | undefined): Promise<ConfiguredPlugin> {
  // What is no name was configured in code; `wirePlugins` checks it.
  if (typeof choice !== 'string' && !isNameWithOptions(choice)) return choice;
  // Only plugins that are named need files, so a program of configured ones runs in a browser.
  const { loadPlugin } = await import('./config/plugins.ts');
  return loadPlugin(choice, folder ?? process.cwd());
}

// `Array.isArray` alone does not tell the compiler that what is left is no readonly array.
function isNameWithOptions(choice: PluginChoice): choice is readonly [name: string, options: object] {
  return Array.isArray(choice);
}

/** What `auto` chooses from: the backends of plugins and, where there are folders to look in, all that are installed. */
async function openAuto(
  plugins: readonly ConfiguredPlugin[],
  handed: object,
  { plugins: choices = [], folder = globalThis.process?.cwd?.(), onBackend }: FreebindOptions,
  store: Store | undefined,
): Promise<AutoBackend> {
  if (folder === undefined) {
    const brought = plugins.filter(({ manifest }) => manifest.backends?.length);
    return new AutoBackend(
      brought.map((plugin) => candidateOf(plugin, store)),
      { onBackend },
    );
  }
  const { backendCandidates, probeMemory } = await import('./config/backend-candidates.ts');
  const loaded = plugins.flatMap((plugin, i) => ({ plugin, choice: choices[i] ?? plugin }));
  const candidates = await backendCandidates({ folder, loaded, options: handed, store });
  return new AutoBackend(candidates, { memory: probeMemory(candidates), onBackend });
}

async function chooseBackend(
  plugins: readonly ConfiguredPlugin[],
  options: FreebindOptions,
): Promise<{ readonly plugins: readonly ConfiguredPlugin[]; readonly backend?: string }> {
  const choice = options.backend ?? backendFromEnvironment();
  if (choice === undefined) return { plugins };
  if (isConfiguredPlugin(choice)) return { plugins: inPlace(plugins, choice), backend: backendOf(choice.manifest) };
  const named = readBackendChoice(choice);
  const found = findBackend(plugins, named);
  if (found !== undefined && named.options === undefined) return { plugins, backend: found.id };
  const name = found?.plugin.manifest.package ?? named.package;
  const plugin = await loadChosen([name, named.options ?? {}], options.folder);
  return { plugins: inPlace(plugins, plugin), backend: backendOf(plugin.manifest, named.name) };
}

/** With `plugin` first, and no other configuration of its package. */
function inPlace(plugins: readonly ConfiguredPlugin[], plugin: ConfiguredPlugin): readonly ConfiguredPlugin[] {
  return [plugin, ...plugins.filter(({ manifest }) => manifest.package !== plugin.manifest.package)];
}

async function openStore(options: FreebindOptions): Promise<Store | undefined> {
  const { store = '.freebind' } = options;
  if (typeof store !== 'string') return store;
  if (globalThis.process?.versions?.node === undefined) return undefined; // a browser has no folders
  const { FolderStore } = await import('./files/file-store.ts');
  return new FolderStore(await resolveFrom(options, store));
}

async function resolveFrom({ folder = process.cwd() }: FreebindOptions, path: string): Promise<string> {
  const paths = await import('node:path');
  return paths.resolve(folder, path);
}
