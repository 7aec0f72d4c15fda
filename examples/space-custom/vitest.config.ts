import { defineConfig } from 'vitest/config';

// Of its own, so that the package's tests run the same within a workspace that has another; some stream more than a busy machine
// does in five seconds.
export default defineConfig({ test: { testTimeout: 60_000 } });
