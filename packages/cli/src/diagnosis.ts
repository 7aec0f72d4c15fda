import { availableParallelism, totalmem } from 'node:os';
import {
  type BackendCandidate,
  type BackendProbe,
  type ConfiguredPlugin,
  isFreebindError,
  losesTo,
  type PluginChoice,
  probeBackends,
  readBackendChoice,
} from '@freebind/core';
import {
  backendCandidates,
  findConfig,
  findPlugins,
  type FoundPlugin,
  loadPlugin,
  OWN_BACKENDS,
  probeMemory,
} from '@freebind/core/config';
import { type SpaceFiles, spaceFiles } from './space-files.ts';

/** What `freebind doctor` finds. Plain data; `mend` is the line that mends what is wrong. */
export interface Diagnosis {
  readonly node: { readonly version: string; readonly wanted: string; readonly ok: boolean; readonly mend?: string };
  readonly machine: { readonly platform: string; readonly cores: number; readonly memoryGiB: number };
  readonly config?: { readonly file: string } | { readonly problem: string };
  readonly plugins: readonly PluginState[];
  readonly backends: readonly BackendState[];
  /** The model files of each installed space. */
  readonly models: readonly SpaceFiles[];
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

/** A backend, started and measured to see whether it works. */
export interface BackendState extends BackendProbe {
  /** As `--backend` takes it: `onnx`, `onnx:webgpu`. */
  readonly backend: string;
  /** What is faster here, when the processor is. */
  readonly losesTo?: string;
}

const NODE_WANTED = [20, 19] as const;

/** Devices that a backend has besides the one it takes by itself. */
const DEVICES = ['onnx:webgpu', 'onnx:cuda'];

/** What to look at. */
export interface DiagnoseOptions {
  /** Also what backends could do on devices that they do not take by themselves. Default false. */
  readonly devices?: boolean | undefined;
  /** Start and measure the backends. Default true. */
  readonly measure?: boolean | undefined;
}

/** Looks at this machine from `folder`. Nothing that is missing makes it fail. */
export async function diagnose(
  folder: string,
  { devices = false, measure = true }: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const { config, choices } = await readConfig(folder);
  const named = choices.map((choice) =>
    typeof choice === 'string' ? choice : 'manifest' in choice ? choice.manifest.package : choice[0],
  );
  const plugins = (await findPlugins(folder, [...OWN_BACKENDS, ...named])).map(stateOf);
  const backends = measure ? await measureBackends(folder, choices, devices) : [];
  const models = await spaceFiles(folder, choices);
  return { node: nodeState(), machine: machine(), ...(config !== undefined && { config }), plugins, backends, models };
}

/** Starts and measures what `auto` would choose from here, and remembers it for `auto`; then other devices, if they are asked for. */
async function measureBackends(
  folder: string,
  choices: readonly PluginChoice[],
  devices: boolean,
): Promise<readonly BackendState[]> {
  const loaded = await Promise.all(
    choices.map(async (choice) => {
      // One that cannot be loaded is told among the plugins.
      const plugin: ConfiguredPlugin | undefined = await loadPlugin(choice, folder).catch(() => undefined);
      return plugin === undefined ? [] : [{ choice, plugin }];
    }),
  );
  const candidates = await backendCandidates({ folder, loaded: loaded.flat() });
  const probes = await probeBackends(candidates);
  await probeMemory(candidates)?.keep(probes);
  const others = devices ? await probeBackends(await Promise.all(DEVICES.map((name) => onDevice(name, folder)))) : [];
  const all = [...probes, ...others];
  return all.map((probe, i): BackendState => {
    const slowerThan = losesTo(probe, all);
    const backend = DEVICES[i - probes.length] ?? probe.manifest?.id ?? probe.package;
    return { backend, ...probe, ...(slowerThan !== undefined && { losesTo: slowerThan }) };
  });
}

async function onDevice(name: string, folder: string): Promise<BackendCandidate> {
  const { package: packageName, options = {} } = readBackendChoice(name);
  const candidates = await backendCandidates({ folder, options });
  const open = candidates.find((candidate) => candidate.package === packageName)?.open;
  return { package: packageName, open: open ?? (() => Promise.reject(new Error(`${packageName} is not installed`))) };
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
): Promise<{ readonly config?: Diagnosis['config'] & object; readonly choices: readonly PluginChoice[] }> {
  try {
    const config = await findConfig({ path: folder });
    return config === undefined ? { choices: [] } : { config: { file: config.file }, choices: config.plugins ?? [] };
  } catch (error) {
    return { config: { problem: messageOf(error) }, choices: [] };
  }
}

function stateOf({ package: name, version, manifest, problem }: FoundPlugin): PluginState {
  if (manifest === undefined) {
    const missing = isFreebindError(problem, 'FREEBIND_PLUGIN_MISSING');
    return { package: name, problem: messageOf(problem), ...(missing && { mend: `npm i ${name}` }) };
  }
  const { apiVersion, spaces = [], bonds = [], backends = [] } = manifest;
  const brings = [
    ...backends.map((id) => `backend ${id}`),
    ...spaces.map((id) => `space ${id}`),
    ...bonds.map((id) => `bond ${id}`),
  ];
  return { package: name, ...(version !== undefined && { version }), apiVersion, brings };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
