import { defineConfig } from 'vitest/config';
import all from './vitest.config.ts';

// The golden tests alone; `npm test` runs them too. test/golden/folder.ts says where the numbers are read from.
export default defineConfig({
  ...all,
  test: {
    ...all.test,
    projects: [{ extends: true, test: { name: 'golden', include: ['test/golden/**/*.test.ts'] } }],
  },
});
