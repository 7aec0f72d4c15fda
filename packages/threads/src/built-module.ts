/**
 * The address of a module beside the one at `base` (its `import.meta.url`), for a thread to run. Node 20 runs no TypeScript in a
 * thread: from a package's sources this is the module's build, which `npm run build` (and the tests' set-up) makes.
 */
export function builtModule(path: string, base: string): URL {
  const { href } = new URL(path, base);
  return new URL(base.endsWith('.ts') ? href.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : href);
}
