import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, scratch } from './freebind.ts';

test('prints its version', async () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { status, stdout } = await freebind(['--version']);
  expect(status).toBe(0);
  expect(manifest).toMatchObject({ version: stdout.trim() });
});

test('loads neither core nor a backend to print help', async () => {
  // A loader that tells every module it resolves; Node 20 has no synchronous hooks yet.
  const hook =
    'export async function resolve(s, c, n) { const r = await n(s, c); process._rawDebug(r.url); return r; }';
  const register = `import { register } from 'node:module'; register('data:text/javascript,${encodeURIComponent(hook)}');`;
  const node = ['--import', `data:text/javascript,${encodeURIComponent(register)}`];
  for (const [last, ...args] of [
    ['version', '--version'],
    ['program', '--help'],
    ['program', 'train', '--help'],
  ] as const) {
    const { stderr } = await freebind(args, { node });
    expect(stderr).toContain(`dist/${last}.js`);
    expect(stderr).not.toMatch(
      /packages\/(core|backend|conformance|torch)|node_modules\/(zod|inversify|onnx|cli-progress)/,
    );
  }
});

describe('wrong usage', () => {
  test('an unknown command names the nearest', async () => {
    const { status, stderr, stdout } = await freebind(['evl']);
    expect(status).toBe(2);
    expect(stderr).toContain('Did you mean eval?');
    expect(stdout).toBe('');
  });

  test('an unknown option names the nearest', async () => {
    const { status, stderr } = await freebind(['eval', '--galery', 'x.npy']);
    expect(status).toBe(2);
    expect(stderr).toContain('Did you mean --gallery?');
  });

  test.each(['4294967296', '1e99', '-1', '1.5'])('a seed of %s is refused as configs refuse it', async (seed) => {
    for (const command of ['train', 'fuse', 'quickstart']) {
      const { status, stderr } = await freebind([command, '--seed', seed], { cwd: scratch() });
      expect(status).toBe(2);
      expect(stderr).toMatch(Number(seed) > 2 ? /from 0 to 4294967295/ : /of at least 0/);
    }
  });

  test('a number out of range says what was expected', async () => {
    const files = ['--queries', 'q.npy', '--keys', 'k.npy', '--out', 'z.npy'];
    const { status, stderr } = await freebind(['aggregate', ...files, '--temperature', '0']);
    expect(status).toBe(2);
    expect(stderr).toContain('Expected a number above 0');
  });

  test.each([
    [['evl'], /^unknown command 'evl'/],
    [['eval', '--galery', 'x.npy'], /^unknown option '--galery'/],
    [['eval', '--seed', '-1'], /Expected a whole number/],
    [['eval', '--queries', 'q.npy'], /./],
    [['inspect', ''], /^<path> is empty/],
    [['import', 'dir', '--variant', 'x', '--out', ''], /^--out <dir> is empty/],
    [[], /^A command is missing/],
  ])('%j is also one JSON document with --json', async (args, words) => {
    const outcome = await freebind([...args, '--json']);
    expect(outcome.status).toBe(2);
    const code = 'FREEBIND_ARGUMENT_INVALID';
    expect(documentOf(outcome)).toEqual({ error: { code, message: expect.stringMatching(words) } });
  });

  test('options that exclude each other are refused', async () => {
    expect((await freebind(['eval', '--queries', 'q.npy'])).status).toBe(2);
    expect((await freebind(['eval', '--tables', 'dir', '--queries', 'q.npy'])).status).toBe(2);
  });
});

describe('a refusal', () => {
  const missing = ['inspect', 'nowhere.npy'];

  test('is one line with its code and no stack trace, and status 1', async () => {
    const { status, stderr, stdout } = await freebind(missing);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error FREEBIND_FILE_MISSING: .*nowhere\.npy.*\n$/);
    expect(stdout).toBe('');
  });

  test('has its trace with --debug', async () => {
    const { stderr } = await freebind([...missing, '--debug']);
    expect(stderr).toMatch(/^error FREEBIND_FILE_MISSING/);
    expect(stderr).toMatch(/\n\s+at /);
  });

  test('is also a JSON document with --json', async () => {
    const outcome = await freebind([...missing, '--json']);
    expect(outcome.status).toBe(1);
    expect(documentOf(outcome)).toMatchObject({ error: { code: 'FREEBIND_FILE_MISSING' } });
  });
});

test('stays quiet when its output is closed early', async () => {
  const { spawn } = await import('node:child_process');
  const bin = new URL('../bin/freebind.js', import.meta.url).pathname;
  const child = spawn('sh', [
    '-c',
    `"${process.execPath}" "${bin}" eval --tables "${numpy('paired')}" --space unified --backend reference | true`,
  ]);
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toBe('');
});

test('never writes over an output unless told', async () => {
  const out = join(scratch(), 'z.npy');
  const args = ['aggregate', '--queries', numpy('paired/unified.audio.npy'), '--keys', numpy('pool/unified.text.npy')];
  expect((await freebind([...args, '--out', out])).status).toBe(0);
  const first = readFileSync(out);
  const second = await freebind([...args, '--out', out, '--temperature', '1']);
  expect(second.status).toBe(1);
  expect(second.stderr).toContain('FREEBIND_OUTPUT_EXISTS');
  expect(readFileSync(out)).toEqual(first);
  expect((await freebind([...args, '--out', out, '--temperature', '1', '--force'])).status).toBe(0);
  expect(readFileSync(out)).not.toEqual(first);
});
