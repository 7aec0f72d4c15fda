// The composition root: the only file that resolves. Everything else is handed what it needs.
import type { Container, ServiceIdentifier } from 'inversify';
import type { Backend } from './backend.ts';
import type { Bond } from './bond.ts';
import { findSpace } from './bonding.ts';
import { FreebindError, isFreebindError } from './errors.ts';
import type { ConfiguredPlugin, PluginManifest } from './plugin.ts';
import { BRINGS, isConfiguredPlugin, readPluginManifest } from './plugin-manifest.ts';
import type { Space } from './space.ts';
import type { Store } from './store.ts';
import { BACKEND, BOND, SPACE, STORE } from './tokens.ts';

/** Loads plugins, in their order; nothing of theirs is started. @throws FREEBIND_PLUGIN_INCOMPATIBLE FREEBIND_PLUGIN_INVALID */
export async function wirePlugins(plugins: readonly ConfiguredPlugin[], store?: Store): Promise<Wiring> {
  // Before any plugin's code runs, and not only for the first that would fail.
  const manifests = plugins.map((plugin) => {
    const { manifest } = plugin;
    if (isConfiguredPlugin(plugin)) return readPluginManifest(manifest, manifest.package);
    const found = typeof plugin === 'function' ? 'a function; call it with its options, as in onnx()' : typeof plugin;
    throw new FreebindError(
      'FREEBIND_PLUGIN_INVALID',
      `A plugin is what calling its default export gives, but this is ${found}.`,
    );
  });
  const { Container, ContainerModule } = await import('inversify');
  const root = new Container();
  if (store !== undefined) root.bind(STORE).toConstantValue(store);
  const loaded: LoadedPlugin[] = [];
  for (const [index, plugin] of plugins.entries()) {
    const manifest = manifests[index] ?? plugin.manifest;
    // A container each: two plugins cannot meddle with each other, and what a manifest does not list is never seen.
    const container = new Container({ parent: root });
    try {
      await container.loadAsync(new ContainerModule(plugin.load));
    } catch (cause) {
      if (isFreebindError(cause)) throw cause;
      throw new FreebindError(
        'FREEBIND_PLUGIN_INVALID',
        `Plugin ${manifest.package} failed to load: ${String(cause)}`,
        { cause },
      );
    }
    loaded.push({ manifest, container });
  }
  return new Wiring(loaded);
}

interface LoadedPlugin {
  readonly manifest: PluginManifest;
  readonly container: Container;
}

type Kind = keyof typeof BRINGS;
const TOKENS = { spaces: SPACE, bonds: BOND, backends: BACKEND } as const;

/** Loaded plugins: makes what they bring when it is asked for, once, and closes it. */
export class Wiring {
  readonly plugins: readonly PluginManifest[];
  /** Ids of what the plugins bring as they are configured, each with the container that makes it. */
  readonly #brought: Readonly<Record<Kind, ReadonlyMap<string, LoadedPlugin>>>;
  readonly #containers: readonly Container[];
  readonly #made = new Map<string, Promise<{ close(): Promise<void> }>>();
  #closed = false;

  constructor(loaded: readonly LoadedPlugin[]) {
    this.plugins = loaded.map(({ manifest }) => manifest);
    this.#containers = loaded.map(({ container }) => container);
    this.#brought = {
      spaces: catalogue('spaces', loaded),
      bonds: catalogue('bonds', loaded),
      backends: catalogue('backends', loaded),
    };
  }

  /** Ids of what the plugins bring, in their order. */
  ids(kind: Kind): readonly string[] {
    return [...this.#brought[kind].keys()];
  }

  /** @throws FREEBIND_SPACE_UNKNOWN listing those that are there */
  async space(id: string): Promise<Space> {
    findSpace(
      id,
      this.ids('spaces').map((known) => ({ id: known })),
    );
    return this.#make('spaces', id, (container) => container.getAsync(SPACE, { name: id }));
  }

  bond(id: string): Promise<Bond> {
    return this.#make('bonds', id, (container) => container.getAsync(BOND, { name: id }));
  }

  /** Starts the backend on the first call. @throws FREEBIND_DEVICE_UNAVAILABLE FREEBIND_BACKEND_FAILED */
  backend(id: string): Promise<Backend> {
    return this.#make('backends', id, async (container) => (await container.getAsync(BACKEND, { name: id }))());
  }

  /** Closes everything that was made, then lets the plugins' own deactivation run. Calling it twice is quiet. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = [...this.#made.values()].map(async (made) => {
      const thing = await made.catch(() => undefined); // what failed to start has nothing to close
      await thing?.close();
    });
    const results = await Promise.allSettled(closing);
    await Promise.all(this.#containers.map((container) => container.unbindAllAsync()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #make<T extends { close(): Promise<void> }>(
    kind: Kind,
    id: string,
    make: (container: Container) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) {
      throw new FreebindError(
        'FREEBIND_CLOSED',
        `The ${BRINGS[kind]} "${id}" was asked for after close; call freebind() again.`,
      );
    }
    const plugin = this.#brought[kind].get(id);
    if (plugin === undefined) {
      throw new FreebindError(
        'FREEBIND_CAPABILITY_MISSING',
        `No plugin brings the ${BRINGS[kind]} "${id}"; there are: ${this.ids(kind).join(', ') || 'none'}.`,
      );
    }
    const key = `${kind}/${id}`;
    const known = this.#made.get(key);
    // Under `kind/id` there is only what `make` for that kind gave.
    if (known !== undefined) return known as Promise<T>;
    const made = make(plugin.container).catch((cause: unknown) => {
      this.#made.delete(key); // so that a second try can succeed, say after the device was plugged in
      if (isFreebindError(cause)) throw cause;
      const code = kind === 'backends' ? 'FREEBIND_BACKEND_FAILED' : 'FREEBIND_PLUGIN_INVALID';
      throw new FreebindError(
        code,
        `The ${BRINGS[kind]} "${id}" of ${plugin.manifest.package} did not start: ${String(cause)}`,
        { cause },
      );
    });
    this.#made.set(key, made);
    return made;
  }
}

function catalogue(kind: Kind, loaded: readonly LoadedPlugin[]): ReadonlyMap<string, LoadedPlugin> {
  const brought = new Map<string, LoadedPlugin>();
  const token: ServiceIdentifier = TOKENS[kind];
  for (const plugin of loaded) {
    for (const id of plugin.manifest[kind] ?? []) {
      // Options may leave out some of what a plugin can bring.
      if (!plugin.container.isCurrentBound(token, { name: id })) continue;
      const other = brought.get(id);
      if (other !== undefined) {
        throw new FreebindError(
          'FREEBIND_PLUGIN_INVALID',
          `${other.manifest.package} and ${plugin.manifest.package} both bring the ${BRINGS[kind]} "${id}". Load one of them, or configure one to leave it out.`,
        );
      }
      brought.set(id, plugin);
    }
  }
  return brought;
}
