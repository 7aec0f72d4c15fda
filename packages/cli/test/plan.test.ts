import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalMatrix, normaliseRows, random } from '@freebind/core';
import { writeNpy } from '@freebind/core/files';
import { describe, expect, test } from 'vitest';
import { documentOf, freebind, scratch } from './freebind.ts';

const ONNX = { FREEBIND_BACKEND: 'onnx' };

async function tables(folder: string, ...names: readonly string[]): Promise<void> {
  mkdirSync(join(folder, 'tables'));
  for (const name of names)
    await writeNpy(join(folder, 'tables', `${name}.npy`), normaliseRows(normalMatrix(40, 8, random(name))));
}

function config(folder: string, content: unknown): void {
  writeFileSync(join(folder, 'freebind.config.json'), JSON.stringify(content));
}

describe('freebind plan', () => {
  test('tells time, memory and disk of every stage, with tables that fusing will make', async () => {
    const cwd = scratch();
    await tables(cwd, 'u.audio', 'u.image', 'u.text', 'f.image', 'f.text');
    config(cwd, {
      tables: 'tables',
      fuse: {
        vt: {
          modalities: { image: 'tables/f.image.npy', text: 'tables/f.text.npy' },
          adapter: { output: 4, blocks: 1 },
          epochs: 2,
          batch: 20,
          embed: { tables: { image: 'tables/f.image.npy', text: 'tables/f.text.npy' } },
        },
      },
      train: { recipe: 'u + d(vt)', heads: ['mix'], hidden: 8, batch: 16, epochs: 1 },
    });
    const done = await freebind(['plan', '--json'], { cwd, env: ONNX });
    expect(done.stderr).toBe('');
    const plan = documentOf(done);
    const positive = expect.toSatisfy((n: unknown) => typeof n === 'number' && n > 0);
    const stage = (name: string): unknown => expect.objectContaining({ name, seconds: positive, memory: positive });
    expect(plan).toMatchObject({
      type: 'result',
      machine: { backend: 'onnx', matrix: positive },
      stages: [
        stage('vt: check latents'),
        stage('vt: fuse'),
        stage('vt: embed tables'),
        stage('check tables'),
        stage('u-d-vt: pseudo pairs'),
        stage('u-d-vt: head mix'),
      ],
      total: { seconds: positive, memory: positive, disk: positive },
    });
  });

  test('refuses a config that has nothing to plan, and a paper’s sizes beside a config', async () => {
    const cwd = scratch();
    config(cwd, { backend: 'onnx' });
    const none = await freebind(['plan'], { cwd });
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/FREEBIND_CONFIG_INVALID.*neither "fuse" nor "train"/);
    const both = await freebind(['plan', 'a.json', '--papers'], { cwd });
    expect(both.status).toBe(2);
  });

  test('refuses a recipe whose tables are neither there nor made', async () => {
    const cwd = scratch();
    await tables(cwd, 'u.image');
    config(cwd, { tables: 'tables', train: { recipe: 'u + d(vt)' } });
    const done = await freebind(['plan'], { cwd });
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/FREEBIND_SPACE_UNKNOWN/);
  });
});
