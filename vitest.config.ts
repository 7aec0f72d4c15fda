import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Tests run the TypeScript sources of every workspace package; `test:dist` runs what is published.
  ssr: { resolve: { conditions: ['@freebind/source', 'module', 'node', 'development|production', 'import'] } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'test/**/*.test.ts',
      'examples/**/*.test.ts',
    ],
    globalSetup: ['packages/cli/test/build.ts', 'packages/backend-webgpu/test/software-device.ts'],
    testTimeout: 60_000,
    // Hooks of golden runs train; on a device in software that takes seconds.
    hookTimeout: 60_000,
    pool: 'forks',
    // By default one core is left free, which on two cores makes the tests wait for one another.
    maxWorkers: availableParallelism(),
  },
});
