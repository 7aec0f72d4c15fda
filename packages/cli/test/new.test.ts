import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { documentOf, freebind } from './freebind.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/space-custom');

/** A folder within the workspace, where its packages are found as if they were installed. */
function workspaceScratch(): string {
  const parent = join(ROOT, '.freebind');
  mkdirSync(parent, { recursive: true });
  const dir = mkdtempSync(join(parent, 'freebind-new-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Runs a program of the workspace in `cwd`, without what this run of vitest has in its environment. */
async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'node_modules', program), ...args], {
    cwd,
    env: { ...env, NO_COLOR: '1' },
  });
  return stdout;
}

const textsOf = (folder: string, files: readonly string[]): readonly string[] =>
  files.map((file) => readFileSync(join(folder, file), 'utf8'));

describe('new', () => {
  test('space writes a package whose own tests pass, that builds and conforms', async () => {
    const dir = join(workspaceScratch(), 'my-space');
    const made = documentOf(await freebind(['new', 'space', 'my-space', '--out', dir, '--json']));
    expect(made).toMatchObject({ space: 'my-space', package: 'freebind-my-space', out: dir });
    // Its own tests, by vitest with no config of ours.
    expect(await run('vitest/vitest.mjs', ['run', '--root', dir], dir)).toMatch(/Tests +\d+ passed/);
    await run('typescript/bin/tsc', ['-p', 'tsconfig.json'], dir);
    const report = await freebind(['conform', dir]);
    expect(report.stdout).toMatch(/ 0 failed/);
    expect(report.status).toBe(0);
  });

  test('space writes what examples/space-custom is: an adapter in under 60 lines, and its conformance in five', async () => {
    const dir = join(workspaceScratch(), 'trigrams');
    const made = documentOf(await freebind(['new', 'space', 'trigrams', '--out', dir, '--json'])) as {
      readonly files: readonly string[];
    };
    const read = (folder: string): Record<string, string> =>
      Object.fromEntries(made.files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
    const written = read(dir);
    expect(written).toEqual(read(EXAMPLE));
    expect(JSON.stringify(written)).not.toMatch(/\{\{\w/);
    expect(written['src/trigrams-space.ts']?.split('\n').length).toBeLessThan(60);
    expect(written['test/conformance.test.ts']?.trimEnd().split('\n').length).toBeLessThanOrEqual(5);
  });

  test('of a backend writes the code of examples/backend-toy, which builds and conforms', async () => {
    const dir = join(workspaceScratch(), 'my-backend');
    const made = documentOf(await freebind(['new', 'backend', 'my-backend', '--out', dir, '--json'])) as {
      readonly files: readonly string[];
    };
    expect(made).toMatchObject({ backend: 'my-backend', package: 'freebind-my-backend' });
    const toy = join(ROOT, 'examples/backend-toy');
    expect(textsOf(dir, made.files).join('')).not.toMatch(/\{\{\w/);
    const code = made.files.filter((file) => /^(src|test)\//.test(file));
    expect(code).toHaveLength(7);
    expect(textsOf(dir, code)).toEqual(textsOf(toy, code));
    // The example's own tests are among those of this repository.
    await run('typescript/bin/tsc', ['-p', 'tsconfig.json'], dir);
    expect((await freebind(['conform', dir])).stdout).toMatch(/ 0 failed/);
  });

  test('of a backend of another name calls everything after it', async () => {
    const dir = join(workspaceScratch(), 'fast');
    await freebind(['new', 'backend', 'fast', '--out', dir]);
    const text = textsOf(dir, ['src/index.ts', 'src/fast-backend.ts', 'package.json']);
    expect(text.join('')).toMatch(/class FastBackend implements Backend.*"backends": \[\s+"fast"/s);
    expect(text.join('')).not.toMatch(/my-?backend/i);
    await run('typescript/bin/tsc', ['-p', 'tsconfig.json'], dir);
  });

  test('refuses a name that is none of a package, a folder that is there, and another kind', async () => {
    const dir = workspaceScratch();
    const odd = await freebind(['new', 'space', '../up'], { cwd: dir });
    expect(odd.stderr).toContain('FREEBIND_ARGUMENT_INVALID');
    const there = await freebind(['new', 'space', 'mine', '--out', dir]);
    expect(there.stderr).toContain('FREEBIND_OUTPUT_EXISTS');
    expect((await freebind(['new', 'bond', 'mine'], { cwd: dir })).status).toBe(2);
    expect(existsSync(join(dir, 'freebind-mine'))).toBe(false);
  });
});
