import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freebind, scratch } from '../../cli/test/freebind.ts';
import { readRows } from '../../cli/test/read-rows.ts';
import { tinyBind } from './tiny.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const PICTURE = fileURLToPath(new URL('../../../fixtures/golden/inputs/syn_small_90x61.png', import.meta.url));

test("the README's config makes a space on the command line, here of graphs with 24 columns", async () => {
  const dir = scratch();
  const [, json = ''] = /```json\n([^`]+)```/.exec(README) ?? [];
  writeFileSync(join(dir, 'freebind.config.json'), json.replace('"dimension": 512', '"dimension": 24'));
  const { config, remove } = await tinyBind();
  mkdirSync(join(dir, 'clip-b32/onnx'), { recursive: true });
  for (const [from, to] of [
    ['imagebind_vision.onnx', 'onnx/vision_model.onnx'],
    ['imagebind_text.onnx', 'onnx/text_model.onnx'],
    ['tokenizer.json', 'tokenizer.json'],
  ] as const)
    cpSync(join(config.models, from), join(dir, 'clip-b32', to), { dereference: true });
  await remove();
  mkdirSync(join(dir, 'photos'));
  cpSync(PICTURE, join(dir, 'photos/one.png'));
  writeFileSync(join(dir, 'captions.txt'), 'a dog\nrain\n');

  const commands = [...README.matchAll(/^freebind (.+)$/gm)].map(([, line = '']) => line.split(' '));
  expect(commands).toHaveLength(2);
  // Options of the command go to a space that only the options of its plugin name.
  for (const command of commands) {
    const { status, stderr } = await freebind([...command, '--threads', '1'], { cwd: dir });
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('skipped')]);
  }
  const rows = await readRows(join(dir, 'tables/clip-b32.text.npy'));
  expect(rows.map((row) => row.length)).toEqual([24, 24]);
  expect(await readRows(join(dir, 'tables/clip-b32.image.npy'))).toHaveLength(1);

  const moved = await freebind(['embed', 'clip-b32', 'image', 'photos/one.png', '--models', 'nowhere', '--out', 'x'], {
    cwd: dir,
  });
  expect(moved.stderr).toMatch(/"onnx" \(clip-b32\) needs onnx\/vision_model.onnx, which is not in nowhere/);
});
