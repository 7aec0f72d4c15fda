import { API_VERSION, type Backend, BACKEND, definePlugin, type Plugin } from '@freebind/core';
import type { OnnxOptions } from './session-protocol.ts';

export type { OnnxOptions } from './session-protocol.ts';

/**
 * Starts the backend without a container. Native code loads here and not before, and in a thread of its own.
 * @throws FREEBIND_ARGUMENT_INVALID, and FREEBIND_DEVICE_UNAVAILABLE when onnxruntime or its provider cannot start here
 */
export async function startOnnx(options: OnnxOptions = {}): Promise<Backend> {
  const { OnnxBackend } = await import('./onnx-backend.ts');
  return OnnxBackend.start(options);
}

/** The backend on onnxruntime, as a plugin: `onnx({ device: 'cpu', threads: 2 })`. */
const onnx: Plugin<OnnxOptions> = definePlugin<OnnxOptions>(
  { apiVersion: API_VERSION, package: '@freebind/backend-onnx', backends: ['onnx'] },
  ({ bind }, options) => {
    bind(BACKEND)
      .toConstantValue(() => startOnnx(options))
      .whenNamed('onnx');
  },
);

export default onnx;
