import { defineConfig } from 'vitest/config';

// Of its own, so that the package's tests run the same within a workspace that has another.
export default defineConfig({});
