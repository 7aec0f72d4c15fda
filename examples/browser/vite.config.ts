import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  // freebind's packages from their sources; a project that installs them needs no configuration at all.
  resolve: { conditions: ['@freebind/source', ...defaultClientConditions] },
});
