import type { Backend, BackendChoice, Freebind } from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';
import type { ComputeOptions } from './options.ts';

/** What computes when nobody says otherwise. */
const DEFAULT_BACKEND = 'onnx';

/** Opens freebind for the config here or above, if there is one; hands it to `use` and closes it in any case. */
export async function withFreebind<Result>(
  options: ComputeOptions,
  use: (freebind: Freebind) => Promise<Result>,
): Promise<Result> {
  const { findConfig } = await import('@freebind/core/config');
  return open(await findConfig(), options, use);
}

/** As `withFreebind`, for commands that need nothing but the backend. */
export function withBackend<Result>(
  options: ComputeOptions,
  use: (backend: Backend) => Promise<Result>,
): Promise<Result> {
  return withFreebind(options, async (freebind) => use(await freebind.backend()));
}

/** As `withBackend`, for commands that were given their config. */
export function withConfigured<Result>(
  config: LoadedConfig,
  options: ComputeOptions,
  use: (backend: Backend) => Promise<Result>,
): Promise<Result> {
  return open(config, options, async (freebind) => use(await freebind.backend()));
}

async function open<Result>(
  config: LoadedConfig | undefined,
  options: ComputeOptions,
  use: (freebind: Freebind) => Promise<Result>,
): Promise<Result> {
  const { freebind } = await import('@freebind/core');
  const { plugins, store, folder } = config ?? {};
  const opened = await freebind({
    backend: await chooseBackend(options, config?.backend),
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
  const { package: name, options } = readBackendChoice(chosen);
  return [name, { ...options, threads }];
}
