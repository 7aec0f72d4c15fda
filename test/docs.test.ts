import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '@freebind/core/config';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fuseSection } from '../packages/core/src/config/fuse-section.ts';
import { configSchema } from '../packages/core/src/config/schema.ts';
import { trainSection } from '../packages/core/src/config/train-section.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

describe.each(pages)('%s', (page) => {
  test('links to files that are there', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target ?? '');
    expect(links.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });
});

test('docs/concepts.md names files that are there', () => {
  const names = [...read('docs/concepts.md').matchAll(/`([\w/-]+\.ts|packages\/[\w/-]+)`/g)].map(
    ([, name]) => name ?? '',
  );
  const missing = names.filter(
    (name) => !existsSync(join(root, name)) && !existsSync(join(root, 'packages/core/src', name)),
  );
  expect(names.length).toBeGreaterThan(40);
  expect(missing).toEqual([]);
});

test("README's config is one", async () => {
  const [, code = ''] = /```ts\n(\/\/ freebind\.config\.ts\n[^`]+)```/.exec(read('README.md')) ?? [];
  const dir = mkdtempSync(join(tmpdir(), 'freebind-readme-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  // What a config imports is found from where it lies; there is no node_modules beside this one.
  const core = JSON.stringify(join(root, 'packages/core/src/config/index.ts'));
  writeFileSync(join(dir, 'freebind.config.ts'), code.replace("'@freebind/core/config'", core));
  expect(await loadConfig({ path: dir })).toMatchObject({
    backend: 'onnx',
    tables: join(dir, 'tables'),
    train: { recipe: 'unified + d(vt)' },
    fuse: { vt: { rows: 'splits.json:train' } },
  });
});

test("README's commands are those of the program", () => {
  const [, block = ''] = /## On the command line\n+```\n([^`]+)```/.exec(read('README.md')) ?? [];
  const named = [...block.matchAll(/^freebind (\w+)/gm)].map(([, name]) => name ?? '');
  const described = [...read('docs/cli.md').matchAll(/^## freebind (\w+)/gm)].map(([, name]) => name ?? '');
  expect([...named, 'quickstart'].sort()).toEqual(described.sort());
});

test('nobody is told to fetch another project of our name', () => {
  // npx fetches what is not installed, unless `--no` forbids it; without the `--` behind it, npm reads some of our options as its own.
  const inside = (folder: string): readonly string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(md|tmpl|sh|yaml|py|ts)$/.test(name) && !name.includes('node_modules'))
      .map((name) => `${folder}/${name}`);
  const readmes = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  const all = ['README.md', ...['docs', 'examples', 'packages/cli/templates'].flatMap(inside), ...readmes];
  expect(all.filter((page) => /npx (--\S+ )?freebind/.test(read(page)))).toEqual([]);
});

/** The first cells of a page's tables. */
function keysIn(part: string): readonly string[] {
  return [...part.matchAll(/^\| `(\w+)`/gm)].map(([, key]) => key ?? '');
}

test('docs/config.md has every key and no other', () => {
  const [top = '', train = '', fuse = ''] = read('docs/config.md').split(/^## /m);
  expect(keysIn(top)).toEqual(Object.keys(configSchema.shape));
  expect(keysIn(train)).toEqual(Object.keys(trainSection.shape));
  expect(keysIn(fuse).toSorted()).toEqual(Object.keys(fuseSection.shape).toSorted());
});
