import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { closureOf, type Lock, nameOf } from '../sizes/closure.ts';
import { readLock } from '../sizes/installed.ts';
import { publishedPackages } from '../sizes/table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = readLock(root);
const published = publishedPackages(root);
const bringsOf = (name: string): readonly string[] => [...closureOf(lock, name)].map((folder) => nameOf(lock, folder));

/** What runs graphs and kernels. */
const RUNTIME = /^(onnxruntime-\w+|@tensorflow\/tfjs(-.+)?|webgpu)$/;
const PLUGIN = /^@freebind\/(space|backend)-/;

describe('installing one', () => {
  test.each(published.filter((name) => name.startsWith('@freebind/space-')))(
    '%s brings neither another space, nor a backend, nor another runtime',
    (name) => {
      const brings = bringsOf(name);
      expect(brings.filter((other) => PLUGIN.test(other) && other !== name)).toEqual([]);
      expect(brings.filter((other) => RUNTIME.test(other)).toSorted()).toEqual([
        'onnxruntime-common',
        'onnxruntime-node',
      ]);
    },
  );

  test.each([
    ['@freebind/backend-onnx', /^onnxruntime-(node|common)$/],
    ['@freebind/backend-tfjs', /^@tensorflow\/tfjs-/],
    ['@freebind/backend-webgpu', /^webgpu$/],
    ['@freebind/backend-reference', /^$/],
  ])('%s brings its own runtime alone', (name, own) => {
    const brings = bringsOf(name);
    expect(brings.filter((other) => PLUGIN.test(other) && other !== name)).toEqual([]);
    expect(brings.filter((other) => RUNTIME.test(other) && !own.test(other))).toEqual([]);
  });

  test('@freebind/core brings no runtime and no other package of freebind', () => {
    expect(bringsOf('@freebind/core').filter((name) => RUNTIME.test(name) || name.startsWith('@freebind/'))).toEqual([
      '@freebind/core',
    ]);
  });
});

test("README's table of sizes has every package, and names as parts only what comes with it", () => {
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  const [, part = ''] = /<!-- sizes: written by npm run sizes -->([^]*)<!-- \/sizes -->/.exec(readme) ?? [];
  const lines = part.split('\n').filter((line) => line.startsWith('| `@') || line.startsWith('| `freebind'));
  const rows = lines.map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
  expect(rows.map(([, name]) => name)).toEqual(published);
  for (const [, name = '', , , parts = ''] of rows) {
    const named = parts.split(', ').map((one) => one.replace(/ [\d.]+$/, ''));
    expect(named.filter((one) => one !== '' && !bringsOf(name).includes(one))).toEqual([]);
  }
});

describe('what a package brings', () => {
  const small: Lock = {
    'node_modules/a': {
      dependencies: { b: '1', c: '1' },
      peerDependencies: { p: '1', q: '1' },
      peerDependenciesMeta: { q: { optional: true } },
    },
    'node_modules/a/node_modules/b': {},
    'node_modules/b': { dependencies: { a: '1' } },
    'node_modules/c': {
      dependencies: { b: '1' },
      optionalDependencies: { 'for-linux': '1', 'for-mac': '1', gone: '1' },
    },
    'node_modules/p': {},
    'node_modules/q': {},
    'node_modules/for-linux': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    'node_modules/for-mac': { os: ['darwin'] },
  };

  test('is what it depends on, each once, where Node finds it, for this platform, with the peers it must have', () => {
    expect([...closureOf(small, 'a')].toSorted()).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/b',
      'node_modules/c',
      'node_modules/for-linux',
      'node_modules/p',
    ]);
  });

  test('is not guessed where the lockfile lacks something', () => {
    expect(() => closureOf({ 'node_modules/a': { dependencies: { b: '1' } } }, 'a')).toThrow(
      /no b for node_modules\/a/,
    );
  });
});
