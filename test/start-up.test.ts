import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// What is loaded decides how long a start takes (`npm run bench -- start-up` measures that); this does not depend on the machine.

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BIN = join(ROOT, 'packages/cli/bin/freebind.js');

/** Every script that a program loads, as its coverage tells, modules of Node itself aside. */
function scriptsOf(args: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'freebind-start-'));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return readdirSync(folder).flatMap((file) => {
      const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: readonly { url: string }[] }; // V8's format
      return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Packages from outside the repository that scripts belong to. */
function packagesIn(urls: readonly string[]): readonly string[] {
  const names = urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  return [...new Set(names)].sort();
}

test.each([
  [['--version'], []],
  [['--help'], ['commander']],
  [['train', '--help'], ['commander']],
])('freebind %j loads of other packages %j', (args, packages) => {
  const scripts = scriptsOf([BIN, ...args]);
  expect(packagesIn(scripts)).toEqual(packages);
  expect(scripts.filter((url) => url.includes('/packages/') && !url.includes('/packages/cli/'))).toEqual([]);
});

test('importing core loads core alone', () => {
  const scripts = scriptsOf(['--input-type=module', '-e', "import '@freebind/core'"]);
  expect(packagesIn(scripts)).toEqual([]);
  expect(scripts.filter((url) => !/\/packages\/core\/|\[eval1\]$/.test(url))).toEqual([]);
  expect(scripts.length).toBeGreaterThan(20); // the list is one
});

test('no plugin loads native code before it is used', () => {
  const plugins = readdirSync(join(ROOT, 'packages')).filter((name) => /^(?:backend|space)-/.test(name));
  expect(plugins).toEqual(expect.arrayContaining(['backend-onnx', 'backend-webgpu', 'backend-tfjs', 'space-clap']));
  const script = `
    for (const name of ${JSON.stringify(plugins)}) {
      const { default: plugin } = await import('@freebind/' + name);
      if (typeof plugin !== 'function') throw new Error(name + ' has no plugin');
    }
    console.log(JSON.stringify(process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'))));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([]);
});
