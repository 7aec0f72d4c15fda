import { defineConfig } from 'vitest/config';
import all from './vitest.config.ts';

// Whatever runs on a WebGPU device, on the one of this machine. `npm test` has most of it, on SwiftShader where there is no GPU;
// test/llvmpipe/run.sh runs it on another driver in software.
export default defineConfig({
  ...all,
  test: {
    ...all.test,
    env: { FREEBIND_TEST_DEVICES: '1' },
    projects: [
      {
        extends: true,
        test: {
          name: 'devices',
          include: [
            'packages/backend-webgpu/test/**/*.test.ts',
            'packages/backend-onnx/test/conformance-webgpu.test.ts',
            'packages/*/test/**/*.device.test.ts',
            'test/golden/{composition,projectors,training}.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: { name: 'kernels', include: ['packages/backend-webgpu/src/**/*.test.ts'], isolate: false },
      },
    ],
  },
});
