import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freebind } from './freebind.ts';

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'freebind-cli-quickstart-'))));
afterAll(async () => rm(scratch, { recursive: true, force: true }));

const env = { FREEBIND_BACKEND: 'onnx' };

test.each(['abc', '-1', '1.5', ''])('the seed "%s" is wrong usage', async (seed) => {
  const out = join(scratch, 'seed');
  const { status, stderr } = await freebind(['quickstart', '--out', out, `--seed=${seed}`], { env });
  expect([status, stderr]).toEqual([2, expect.stringContaining('Expected a whole number of at least 0')]);
  await expect(readdir(out)).rejects.toThrow('ENOENT');
});

test('a backend that nobody has is named, and nothing is written', async () => {
  const out = join(scratch, 'backend');
  const { status, stderr } = await freebind(['quickstart', '--out', out, '--backend', 'abacus']);
  expect([status, stderr]).toEqual([1, expect.stringContaining('error FREEBIND_PLUGIN_MISSING')]);
  await expect(readdir(out)).rejects.toThrow('ENOENT');
});

test('a folder that is not a quickstart is refused and left as it is', async () => {
  const out = join(scratch, 'mine');
  await mkdir(out);
  await writeFile(join(out, 'thesis.txt'), 'mine');
  const { status, stderr } = await freebind(['quickstart', '--out', out], { env });
  expect([status, stderr]).toEqual([1, expect.stringContaining('error FREEBIND_OUTPUT_EXISTS')]);
  expect(await readdir(out)).toEqual(['thesis.txt']);
});
