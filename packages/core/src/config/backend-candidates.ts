import { availableParallelism, cpus, totalmem } from 'node:os';
import { type BackendCandidate, candidateOf, type ProbeMemory } from '../auto-backend.ts';
import { checkThreads } from '../backend-options.ts';
import type { BackendProbe } from '../backend-verdict.ts';
import { FolderStore } from '../files/file-store.ts';
import { pieceName } from '../files/pieces.ts';
import { userCache } from '../files/user-cache.ts';
import type { ConfiguredPlugin } from '../plugin.ts';
import { isConfiguredPlugin } from '../plugin-manifest.ts';
import type { Store } from '../store.ts';
import { findPlugins, OWN_BACKENDS } from './installed-plugins.ts';
import { loadPlugin, type PluginChoice } from './plugins.ts';

/** Where candidates are looked for, and what they are given. */
export interface CandidateOptions {
  readonly folder: string;
  /** Plugins that are loaded anyway, as they were named; their backends are candidates as they are configured. */
  readonly loaded?: readonly { readonly choice: PluginChoice; readonly plugin: ConfiguredPlugin }[];
  /** Options of every candidate that was not configured otherwise, such as `{ threads: 2 }`. */
  readonly options?: { readonly threads?: unknown };
  readonly store?: Store | undefined;
}

/**
 * The backends that `auto` chooses from: those of loaded plugins, freebind's own that are installed, and those the project depends on.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for numbers of threads that are none, or `auto` would take a backend that has no use for them
 */
export async function backendCandidates(given: CandidateOptions): Promise<readonly BackendCandidate[]> {
  const { folder, loaded = [], options = {}, store } = given;
  if (options.threads !== undefined) checkThreads(Number(options.threads), availableParallelism());
  const named = loaded.map(({ choice, plugin }) => ({ plugin, ...nameOf(choice) }));
  const found = await findPlugins(folder, [...OWN_BACKENDS, ...named.flatMap(({ name }) => name ?? [])]);
  const configured = named
    .filter(({ plugin }) => plugin.manifest.backends?.length)
    .map(({ plugin, name, own }) => {
      const version = found.find((one) => one.package === name)?.version;
      return candidateOf(plugin, store, version === undefined ? undefined : { version, options: own });
    });
  const others = found.filter(
    ({ manifest }) =>
      manifest?.backends?.length && !configured.some((candidate) => candidate.package === manifest.package),
  );
  return [
    ...configured,
    ...others.map(({ package: name, version = '' }) => ({
      package: name,
      identity: { version, options },
      // Its code runs only now.
      open: async () => candidateOf(await loadPlugin([name, options], folder), store).open(),
    })),
  ];
}

/** The name and options of a plugin that a config names; what was configured in code has neither. */
function nameOf(choice: PluginChoice): { readonly name?: string; readonly own: object } {
  if (typeof choice === 'string') return { name: choice, own: {} };
  return isConfiguredPlugin(choice) ? { own: {} } : { name: choice[0], own: choice[1] };
}

/**
 * For how long probes are gone by: what a probe cannot see changes, such as a driver that was installed, and what it measured may
 * have been disturbed. `freebind doctor` measures at once.
 */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * Keeps probes in the user's cache for a week, one file for each machine, version of Node and set of candidates; undefined when one
 * of them was configured in code, so that nobody can tell whether it is the same again.
 */
export function probeMemory(
  candidates: readonly BackendCandidate[],
  store: Store = new FolderStore(userCache()),
): ProbeMemory | undefined {
  if (candidates.some(({ identity }) => identity === undefined)) return undefined;
  const madeFrom = {
    machine: { platform: process.platform, arch: process.arch, processor: cpus()[0]?.model ?? '', memory: totalmem() },
    cores: availableParallelism(),
    node: process.versions.node,
    candidates: candidates
      .map(({ package: name, identity }) => ({ package: name, ...identity }))
      .sort((a, b) => a.package.localeCompare(b.package)),
  };
  const key = `backend-probes/${pieceName(madeFrom)}.json`;
  return {
    recall: async () => {
      const bytes = await store.get(key).catch(() => undefined);
      return bytes === undefined ? undefined : readProbes(bytes);
    },
    keep: async (probes) => {
      const text = `${JSON.stringify({ madeFrom, at: Date.now(), probes }, undefined, 2)}\n`;
      await store.put(key, new TextEncoder().encode(text)).catch(() => undefined);
    },
  };
}

/** What a run of the last days kept; undefined for anything else, which is then measured and written anew. */
function readProbes(bytes: Uint8Array): readonly BackendProbe[] | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof json !== 'object' || json === null || !('at' in json && 'probes' in json)) return undefined;
    const { at, probes } = json;
    if (!(typeof at === 'number' && Math.abs(Date.now() - at) < KEPT_MS)) return undefined;
    return Array.isArray(probes) && probes.length > 0 && probes.every(isProbe) ? probes : undefined;
  } catch {
    return undefined;
  }
}

function isProbe(value: unknown): value is BackendProbe {
  if (typeof value !== 'object' || value === null) return false;
  const { package: name, manifest, rates, problem } = value as Partial<Record<keyof BackendProbe, unknown>>; // an object; fields are checked next
  if (typeof name !== 'string') return false;
  if (typeof problem === 'string') return true;
  return has(manifest, 'id', 'string') && has(manifest, 'device', 'string') && has(rates, 'matrix', 'number');
}

function has(of: unknown, key: string, type: string): boolean {
  return typeof of === 'object' && of !== null && typeof (of as Record<string, unknown>)[key] === type; // an object, as just checked
}
