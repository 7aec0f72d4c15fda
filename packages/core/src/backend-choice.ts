import { FreebindError } from './errors.ts';
import type { ConfiguredPlugin, PluginManifest } from './plugin.ts';
import { isConfiguredPlugin } from './plugin-manifest.ts';

/**
 * Where the arithmetic runs, in one line: a backend's id or short name (`onnx`), its package, either with a device
 * (`onnx:webgpu`) or with options (`['@freebind/backend-onnx', { threads: 2 }]`), a plugin that was configured in code, or
 * `auto`, the fastest that is installed by a short probe; its options, if it has any, go to every backend it tries. Where only text
 * can be given, as on a command line, a name with options is JSON.
 */
export type BackendChoice = string | readonly [name: string, options: object] | ConfiguredPlugin;

/** A choice by name, taken apart. */
export interface NamedBackend {
  /** As it was written: an id, a short name or a package. */
  readonly name: string;
  /** The package it is looked for in; a bare word but `auto` stands for freebind's own `@freebind/backend-WORD`. */
  readonly package: string;
  readonly options?: object;
}

/** The options that `auto` hands on; undefined for every other choice. */
export function autoOptions(choice: BackendChoice | undefined): object | undefined {
  if (choice === undefined || isConfiguredPlugin(choice)) return undefined;
  const { name, options = {} } = readBackendChoice(choice);
  return name === 'auto' ? options : undefined;
}

/** Takes a choice apart; the device after a colon becomes the option `device`. @throws FREEBIND_ARGUMENT_INVALID */
export function readBackendChoice(choice: Exclude<BackendChoice, ConfiguredPlugin>): NamedBackend {
  const read = parseChoice(choice);
  const [written, given] = typeof read === 'string' ? [read] : read;
  // Two letters at least, so that the colon of a Windows drive is none of ours.
  const [, name = written, device] = /^([^:]{2,}):(.+)$/.exec(written) ?? [];
  const options = device === undefined ? given : { device, ...given };
  return {
    name,
    package: /^(?!auto$)[a-z][a-z0-9]*$/i.test(name) ? `@freebind/backend-${name.toLowerCase()}` : name,
    ...(options !== undefined && { options }),
  };
}

/** Name and options of a choice that was written as JSON; any other stays as it is. @throws FREEBIND_ARGUMENT_INVALID */
function parseChoice<T extends BackendChoice>(choice: T): T | readonly [name: string, options: object] {
  if (typeof choice !== 'string' || !choice.trimStart().startsWith('[')) return choice;
  const text: string = choice;
  const parsed = parsedJson(text);
  const [name, options, ...more] = Array.isArray(parsed) ? (parsed as readonly unknown[]) : [];
  if (typeof name === 'string' && isOptions(options) && more.length === 0) return [name, options];
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The backend was given as ${text}; a name with options is JSON, such as ["@freebind/backend-tfjs", {"runtime": "wasm"}].`,
  );
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isOptions(options: unknown): options is object {
  return typeof options === 'object' && options !== null && !Array.isArray(options);
}

/** `override` in place of `configured`; where both are the same package, options that only `configured` has are kept. */
export function overrideBackend(
  configured: BackendChoice | undefined,
  override: BackendChoice | undefined,
): BackendChoice | undefined {
  if (override === undefined || configured === undefined) return override ?? configured;
  if (isConfiguredPlugin(configured) || isConfiguredPlugin(override)) return override;
  const [old, wanted] = [readBackendChoice(configured), readBackendChoice(override)];
  if (old.package !== wanted.package) return override;
  return [wanted.name, { ...old.options, ...wanted.options }];
}

/** What `FREEBIND_BACKEND` says, where there is an environment. */
export function backendFromEnvironment(): string | undefined {
  const name = globalThis.process?.env?.['FREEBIND_BACKEND']?.trim();
  return name === '' ? undefined : name;
}

/** The loaded plugin that a choice means, and the backend's id in it; undefined when it has to be loaded or configured anew. */
export function findBackend<P extends { readonly manifest: PluginManifest }>(
  plugins: readonly P[],
  { name, package: packageName }: NamedBackend,
): { readonly plugin: P; readonly id: string } | undefined {
  const plugin = plugins.find(
    ({ manifest }) => manifest.backends?.includes(name) === true || manifest.package === packageName,
  );
  return plugin && { plugin, id: backendOf(plugin.manifest, name) };
}

/** The backend of a plugin that is called `name`, else the first that it lists. @throws FREEBIND_CAPABILITY_MISSING */
export function backendOf({ backends = [], ...manifest }: PluginManifest, name?: string): string {
  const chosen = backends.find((id) => id === name) ?? backends[0];
  if (chosen !== undefined) return chosen;
  const brings = [...(manifest.spaces ?? []), ...(manifest.bonds ?? [])].join(', ');
  throw new FreebindError(
    'FREEBIND_CAPABILITY_MISSING',
    `Plugin ${manifest.package} was chosen as the backend, but it brings none (it brings ${brings || 'nothing'}). Choose one that does, such as @freebind/backend-onnx.`,
  );
}
