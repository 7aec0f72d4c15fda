import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests beside the sources: of one file's functions, leaving nothing behind in their process. */
const UNITS = 'packages/*/src/**/*.test.ts';
/** Minutes on SwiftShader: they belong to `vitest.devices.config.ts`. */
const DEVICES = '**/*.device.test.ts';

export default defineConfig({
  // Tests run the TypeScript sources of every workspace package; `check:packages` looks at what is published.
  ssr: { resolve: { conditions: ['@freebind/source', 'module', 'node', 'development|production', 'import'] } },
  test: {
    globalSetup: ['packages/cli/test/build.ts', 'packages/backend-webgpu/test/software-device.ts'],
    testTimeout: 60_000,
    // Hooks of golden runs train; on a device in software that takes seconds.
    hookTimeout: 60_000,
    pool: 'forks',
    // By default one core is left free, which on two cores makes the tests wait for one another.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: 'runs',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [DEVICES],
        },
      },
      // They share their processes, which saves loading the same modules a hundred times.
      { extends: true, test: { name: 'units', include: [UNITS], isolate: false } },
    ],
  },
});
