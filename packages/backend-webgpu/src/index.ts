import { API_VERSION, type Backend, BACKEND, definePlugin, type Plugin } from '@freebind/core';
import type { WebgpuOptions } from './options.ts';

export type { WebgpuOptions } from './options.ts';

/**
 * Starts the backend without a container. In a browser it runs on `navigator.gpu`, elsewhere on Dawn, which loads here and not before.
 * @throws FREEBIND_ARGUMENT_INVALID, FREEBIND_DEVICE_UNAVAILABLE when no adapter is found, and FREEBIND_CAPABILITY_MISSING when it has
 * no float16 for mixed precision
 */
export async function startWebgpu(options: WebgpuOptions = {}): Promise<Backend> {
  const { WebgpuBackend } = await import('./webgpu-backend.ts');
  return WebgpuBackend.start(options);
}

/** The backend on WebGPU, as a plugin: `webgpu({ power: 'high-performance' })`. */
const webgpu: Plugin<WebgpuOptions> = definePlugin<WebgpuOptions>(
  { apiVersion: API_VERSION, package: '@freebind/backend-webgpu', backends: ['webgpu'] },
  ({ bind }, options) => {
    bind(BACKEND)
      .toConstantValue(() => startWebgpu(options))
      .whenNamed('webgpu');
  },
);

export default webgpu;
