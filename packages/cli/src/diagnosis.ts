import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Backend, type BackendManifest, isFreebindError, normalMatrix, random, tableOf } from '@freebind/core';
import { findConfig, inspectPlugin } from '@freebind/core/config';

/** What `freebind doctor` finds. Plain data; `mend` is the line that mends what is wrong. */
export interface Diagnosis {
  readonly node: { readonly version: string; readonly wanted: string; readonly ok: boolean; readonly mend?: string };
  readonly machine: { readonly platform: string; readonly cores: number; readonly memoryGiB: number };
  readonly config?: { readonly file: string } | { readonly problem: string };
  readonly plugins: readonly PluginState[];
  readonly backends: readonly BackendState[];
}

/** A plugin that is here, or that could be. */
export interface PluginState {
  readonly package: string;
  readonly version?: string;
  readonly apiVersion?: number;
  /** Ids of what it brings. */
  readonly brings?: readonly string[];
  readonly problem?: string;
  readonly mend?: string;
}

/** A backend, started to see whether it works. */
export interface BackendState {
  readonly backend: string;
  readonly manifest?: BackendManifest;
  /** Of a matrix product that takes a moment, in 10⁹ floating-point operations a second. */
  readonly gflops?: number;
  readonly problem?: string;
}

/** freebind's own packages; those that are not written yet are not asked for. */
const KNOWN = ['@freebind/backend-onnx', '@freebind/backend-reference'];
const NODE_WANTED = [20, 19] as const;

/** Devices that a backend has besides the one it takes by itself. */
const DEVICES = ['onnx:webgpu', 'onnx:cuda'];

/** Looks at this machine from `folder`, with `devices` also at what graphics cards could do. Nothing that is missing makes it fail. */
export async function diagnose(
  folder: string,
  { devices = false }: { readonly devices?: boolean | undefined } = {},
): Promise<Diagnosis> {
  const { config, plugins: named } = await readConfig(folder);
  const wanted = [...new Set([...KNOWN, ...named, ...(await dependenciesOf(folder))])];
  const looked = await Promise.all(
    wanted.map((name) => lookAt(name, folder, named.includes(name) || KNOWN.includes(name))),
  );
  const plugins = looked.filter((plugin) => plugin !== undefined);
  const backends: BackendState[] = [];
  // One after another: two at once would slow each other.
  const names = plugins
    .filter(({ brings, problem }) => problem === undefined && brings?.some((id) => id.startsWith('backend ')))
    .map((plugin) => plugin.package);
  for (const name of [...names, ...(devices ? DEVICES : [])]) backends.push(await tryBackend(name, folder));
  return { node: nodeState(), machine: machine(), ...(config !== undefined && { config }), plugins, backends };
}

function nodeState(): Diagnosis['node'] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = NODE_WANTED;
  const ok = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  const wanted = `>=${NODE_WANTED.join('.')}`;
  return {
    version: process.versions.node,
    wanted,
    ok,
    ...(!ok && { mend: 'install Node 20.19 or later from nodejs.org' }),
  };
}

function machine(): Diagnosis['machine'] {
  return {
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

async function readConfig(
  folder: string,
): Promise<{ readonly config?: Diagnosis['config'] & object; readonly plugins: readonly string[] }> {
  try {
    const config = await findConfig({ path: folder });
    if (config === undefined) return { plugins: [] };
    const names = (config.plugins ?? []).flatMap((choice) =>
      typeof choice === 'string' ? choice : 'manifest' in choice ? choice.manifest.package : choice[0],
    );
    return { config: { file: config.file }, plugins: names };
  } catch (error) {
    return { config: { problem: messageOf(error) }, plugins: [] };
  }
}

/** Names of the packages that the project in `folder` depends on. */
async function dependenciesOf(folder: string): Promise<readonly string[]> {
  const json = await readPackage(join(folder, 'package.json'));
  return ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'].flatMap((key) => {
    const list = json[key];
    return typeof list === 'object' && list !== null ? Object.keys(list) : [];
  });
}

/** What is known of a plugin without running it; undefined for packages that are none, unless they were asked for. */
async function lookAt(name: string, folder: string, wanted: boolean): Promise<PluginState | undefined> {
  try {
    const { manifest, folder: home } = await inspectPlugin(name, folder);
    const { version } = await readPackage(join(home, 'package.json'));
    const { apiVersion, spaces = [], bonds = [], backends = [] } = manifest;
    const brings = [
      ...backends.map((id) => `backend ${id}`),
      ...spaces.map((id) => `space ${id}`),
      ...bonds.map((id) => `bond ${id}`),
    ];
    return { package: name, version: String(version), apiVersion, brings };
  } catch (error) {
    if (!wanted && !isFreebindError(error, 'FREEBIND_PLUGIN_INCOMPATIBLE')) return undefined;
    return {
      package: name,
      problem: messageOf(error),
      ...(isFreebindError(error, 'FREEBIND_PLUGIN_MISSING') && { mend: `npm i ${name}` }),
    };
  }
}

async function tryBackend(name: string, folder: string): Promise<BackendState> {
  const { freebind } = await import('@freebind/core');
  try {
    const opened = await freebind({ backend: name, folder });
    try {
      const backend = await opened.backend();
      return { backend: backend.manifest.id, manifest: backend.manifest, gflops: await measure(backend) };
    } finally {
      await opened.close();
    }
  } catch (error) {
    return { backend: name, problem: messageOf(error) };
  }
}

/** The rate of queries · keysᵀ, over products of growing size until one takes 0.2 s. */
async function measure(backend: Backend): Promise<number> {
  const d = 512;
  for (let rows = 64; ; rows *= 2) {
    const table = normalMatrix(rows, d, random('doctor'));
    const bank = await backend.openBank({ keys: tableOf(table) });
    try {
      await bank.scores(table); // the first call also builds what later ones use
      const start = performance.now();
      await bank.scores(table);
      const seconds = (performance.now() - start) / 1000;
      if (seconds > 0.2 || rows >= 4096) return Number(((2 * rows * rows * d) / seconds / 1e9).toPrecision(3));
    } finally {
      await bank.close();
    }
  }
}

async function readPackage(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>; // an object from JSON
  } catch {
    // No package here, or none that can be read: nothing to tell.
  }
  return {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
