import type { Backend, BackendChoice, BackendVerdict, Freebind, PluginChoice } from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';
import type { ComputeOptions, SpaceOptions } from './options.ts';
import { pluginsFor } from './recipe-spaces.ts';
import type { Session } from './session.ts';
import { giveOptions } from './space-options.ts';

/** What computes when nobody says otherwise. */
const DEFAULT_BACKEND = 'onnx';

/** Opens freebind for the config here or above, if there is one; hands it to `use` and closes it in any case. */
export async function withFreebind<Result>(
  options: ComputeOptions,
  session: Session,
  use: (freebind: Freebind) => Promise<Result>,
): Promise<Result> {
  const { findConfig } = await import('@freebind/core/config');
  return open(await findConfig(), options, (verdict) => session.note(verdict.why), use);
}

/** As `withFreebind`, with the plugins that bring the spaces `ids` besides the config's; `use` is also given the config. `spaces` is what those spaces are told. */
export async function withSpaces<Result>(
  ids: readonly string[],
  options: ComputeOptions,
  session: Session,
  use: (freebind: Freebind, config: LoadedConfig | undefined) => Promise<Result>,
  spaces: SpaceOptions,
): Promise<Result> {
  const { findConfig } = await import('@freebind/core/config');
  const config = await findConfig();
  const folder = config?.folder ?? process.cwd();
  const plugins = await giveOptions(await pluginsFor(ids, config), { ids, options: spaces, folder });
  return open(
    config,
    options,
    (verdict) => session.note(verdict.why),
    (freebind) => use(freebind, config),
    plugins,
  );
}

/** As `withFreebind`, for commands that need nothing but the backend. */
export function withBackend<Result>(
  options: ComputeOptions,
  session: Session,
  use: (backend: Backend) => Promise<Result>,
): Promise<Result> {
  return withFreebind(options, session, async (freebind) => use(await freebind.backend()));
}

/** As `withBackend`, for commands that were given their config and print events, of which the choice of a backend is one. */
export function withConfigured<Result>(
  config: LoadedConfig,
  options: ComputeOptions,
  session: Session,
  use: (backend: Backend) => Promise<Result>,
): Promise<Result> {
  const tell = (verdict: BackendVerdict): void => {
    session.line({ type: 'backend', ...verdict });
    session.note(verdict.why);
  };
  return open(config, options, tell, async (freebind) => {
    const backend = await freebind.backend();
    session.note(`Backend: ${backend.manifest.id}, ${backend.manifest.device}.`);
    return use(backend);
  });
}

/** Refuses, without starting anything, a backend and plugins that are not here. @throws FREEBIND_PLUGIN_MISSING and what loading them refuses */
export async function checkPlugins(config: LoadedConfig, options: ComputeOptions): Promise<void> {
  await open(
    config,
    options,
    () => undefined,
    async () => undefined,
  );
}

async function open<Result>(
  config: LoadedConfig | undefined,
  options: ComputeOptions,
  onBackend: (verdict: BackendVerdict) => void,
  use: (freebind: Freebind) => Promise<Result>,
  plugins: readonly PluginChoice[] | undefined = config?.plugins,
): Promise<Result> {
  const { freebind } = await import('@freebind/core');
  const { store, folder } = config ?? {};
  const opened = await freebind({
    backend: await chooseBackend(options, config?.backend),
    onBackend,
    ...(plugins !== undefined && { plugins }),
    ...(store !== undefined && { store }),
    ...(folder !== undefined && { folder }),
  });
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

/** The backend that options ask for in place of the config's, with `threads` among its options. */
async function chooseBackend(
  { backend, threads }: ComputeOptions,
  configured: BackendChoice | undefined,
): Promise<BackendChoice> {
  const { overrideBackend, readBackendChoice } = await import('@freebind/core');
  const chosen = overrideBackend(configured, backend === '' ? undefined : backend) ?? DEFAULT_BACKEND;
  // A plugin that was configured in code keeps its options; name it with --backend to choose others.
  if (threads === undefined || (typeof chosen !== 'string' && 'manifest' in chosen)) return chosen;
  const { name, options } = readBackendChoice(chosen);
  // `auto` hands them to every backend that it tries.
  return [name, { ...options, threads }];
}
