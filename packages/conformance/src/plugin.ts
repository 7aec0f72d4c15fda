import {
  API_VERSION,
  BACKEND,
  BOND,
  type ConfiguredPlugin,
  type PluginManifest,
  SPACE,
  STORE,
  type Store,
} from '@freebind/core';
import { Container, ContainerModule, type ContainerModuleLoadOptions } from 'inversify';
import type { ConformanceCase } from './case.ts';
import { check, checkSame } from './check.ts';
import { memoryStore } from './memory-store.ts';

/** A container with one plugin and a store, as a program has it. Nothing of the plugin has started. */
export function loadPlugin(plugin: ConfiguredPlugin, store: Store = memoryStore()): Container {
  const container = new Container();
  container.bind(STORE).toConstantValue(store);
  container.load(new ContainerModule(plugin.load));
  return container;
}

/** What a manifest lists, by the token that it is bound to. */
function listed({ spaces = [], bonds = [], backends = [] }: PluginManifest) {
  return [
    { kind: 'space', token: SPACE, names: spaces },
    { kind: 'bond', token: BOND, names: bonds },
    { kind: 'backend', token: BACKEND, names: backends },
  ];
}

const BRINGS = ['spaces', 'bonds', 'backends'] as const satisfies readonly (keyof PluginManifest)[];

/** Everything that a plugin must do. `packageJson` is the parsed package.json of its package. */
export function pluginCases(packageJson: unknown): readonly ConformanceCase<ConfiguredPlugin>[] {
  // Any object may be read by name; what is absent is undefined.
  const described =
    typeof packageJson === 'object' && packageJson !== null ? (packageJson as Record<string, unknown>) : {};
  return [
    {
      name: 'is of the interface generation of this core',
      async run({ manifest }) {
        checkSame(manifest.apiVersion, API_VERSION, 'apiVersion');
      },
    },
    {
      name: 'declares its package and distinct names of what it brings',
      async run({ manifest }) {
        checkSame(manifest.package, described['name'], 'package of the manifest, against the name in package.json');
        for (const { kind, names } of listed(manifest)) {
          checkSame(new Set(names).size, names.length, `distinct ${kind}s`);
          for (const name of names) check(name.trim() !== '', `A ${kind} has an empty name.`);
        }
      },
    },
    {
      name: 'says under "freebind" in package.json what its manifest says',
      because: 'package.json is read before any of the plugin runs, to refuse what does not fit',
      async run({ manifest }) {
        const said: unknown = described['freebind'];
        // A plugin whose options decide what it brings lists nothing there.
        const open = BRINGS.every((key) => said === null || typeof said !== 'object' || !(key in said));
        const { spaces: _, bonds: __, backends: ___, ...rest } = manifest;
        checkSame(canonical(said), canonical(open ? rest : manifest), '"freebind" in package.json');
      },
    },
    {
      name: 'takes core from its host',
      because: 'two copies of core in one program are two sets of types and tokens to keep equal',
      async run() {
        check(
          namesIn(described['peerDependencies']).includes('@freebind/core') &&
            !namesIn(described['dependencies']).includes('@freebind/core'),
          'package.json does not have @freebind/core under peerDependencies alone.',
        );
      },
    },
    {
      name: 'binds each name that its manifest lists, and nothing that it does not',
      async run(plugin) {
        const container = loadPlugin(plugin);
        for (const { kind, token, names } of listed(plugin.manifest)) {
          for (const name of names)
            check(
              container.isBound(token, { name }),
              `The manifest lists the ${kind} "${name}", but nothing is bound to it.`,
            );
        }
        const bound: unknown[] = [];
        const spy = new ContainerModule((options: ContainerModuleLoadOptions) =>
          plugin.load({
            ...options,
            bind: (identifier) => {
              bound.push(identifier);
              return options.bind(identifier);
            },
          }),
        );
        new Container().load(spy);
        for (const { kind, token, names } of listed(plugin.manifest))
          checkSame(bound.filter((identifier) => identifier === token).length, names.length, `count of ${kind}s bound`);
      },
    },
    {
      name: 'resolves every space, bond and backend without starting one',
      because: 'a program may load a plugin on a machine that cannot run it',
      async run(plugin) {
        const container = loadPlugin(plugin);
        for (const name of plugin.manifest.spaces ?? []) {
          const { manifest } = await container.getAsync(SPACE, { name });
          checkSame(manifest.id, name, 'id of the space bound under this name');
        }
        for (const name of plugin.manifest.bonds ?? []) {
          const { manifest } = await container.getAsync(BOND, { name });
          checkSame(manifest.id, name, 'id of the bond bound under this name');
        }
        for (const name of plugin.manifest.backends ?? [])
          checkSame(
            typeof (await container.getAsync(BACKEND, { name })),
            'function',
            `the binding of backend "${name}"`,
          );
        await container.unbindAllAsync();
      },
    },
    {
      name: 'loads into several containers',
      because: 'loading keeps no state in the module',
      async run(plugin) {
        const [one, other] = [loadPlugin(plugin), loadPlugin(plugin)];
        for (const { kind, token, names } of listed(plugin.manifest)) {
          for (const name of names)
            check(
              one.isBound(token, { name }) && other.isBound(token, { name }),
              `The ${kind} "${name}" is bound in one container only.`,
            );
        }
      },
    },
  ];
}

function namesIn(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
