import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Modules that a file imports when it is loaded: neither types nor `import()`. */
function staticImports(source: string): readonly string[] {
  const statements = source.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  return [...statements].map(([, specifier = '']) => specifier);
}

/** Everything a module loads with it: the files of core, and what else they name. */
function reach(entry: URL): { readonly files: readonly string[]; readonly foreign: readonly string[] } {
  const files = new Set<string>();
  const foreign = new Set<string>();
  const visit = (file: URL): void => {
    if (files.has(file.href)) return;
    files.add(file.href);
    for (const specifier of staticImports(readFileSync(file, 'utf8'))) {
      if (specifier.startsWith('.')) visit(new URL(specifier, file));
      else foreign.add(specifier);
    }
  };
  visit(entry);
  return { files: [...files], foreign: [...foreign] };
}

test('the entry loads nothing of Node and no package, so that it starts fast and runs in a browser', () => {
  const { files, foreign } = reach(new URL('../src/index.ts', import.meta.url));
  expect(foreign).toEqual([]);
  expect(files.filter((file) => file.includes('/src/files/') || file.includes('/src/config/'))).toEqual([]);
  expect(files.length).toBeGreaterThan(20); // the walk did walk
});

test('the config entry loads the libraries that read a config only when it reads one', () => {
  const { foreign } = reach(new URL('../src/config/index.ts', import.meta.url));
  expect(foreign.filter((specifier) => !specifier.startsWith('node:'))).toEqual(['import-meta-resolve']);
});
