import { API_VERSION, type Backend, BACKEND, definePlugin, type Plugin } from '@freebind/core';
import type { TfjsOptions } from './worker-protocol.ts';

export type { TfjsOptions } from './worker-protocol.ts';

/**
 * Starts the backend without a container. TensorFlow.js loads here and not before, and in a thread of its own.
 * @throws FREEBIND_ARGUMENT_INVALID, and FREEBIND_DEVICE_UNAVAILABLE when the runtime is not on this machine
 */
export async function startTfjs(options: TfjsOptions = {}): Promise<Backend> {
  const { TfjsBackend } = await import('./tfjs-backend.ts');
  return TfjsBackend.start(options);
}

/** The backend on TensorFlow.js, as a plugin: `tfjs({ runtime: 'wasm' })`. */
const tfjs: Plugin<TfjsOptions> = definePlugin<TfjsOptions>(
  { apiVersion: API_VERSION, package: '@freebind/backend-tfjs', backends: ['tfjs'] },
  ({ bind }, options) => {
    bind(BACKEND)
      .toConstantValue(() => startTfjs(options))
      .whenNamed('tfjs');
  },
);

export default tfjs;
