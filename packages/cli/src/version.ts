import { readFileSync } from 'node:fs';

/** The program's version: of the package's own manifest, beside src and dist alike. */
export function version(): string {
  // Its version is a string, or npm would not have packed it.
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
