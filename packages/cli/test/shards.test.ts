import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matrix, normaliseRows, normalMatrix, random } from '@freebind/core';
import { writeNpy } from '@freebind/core/files';
import { describe, expect, test } from 'vitest';
import { freebind, type Outcome, scratch } from './freebind.ts';

/** A folder of tables, by rows and columns, and a config for them. */
async function pool(
  tables: Readonly<Record<string, readonly [rows: number, cols: number]>>,
  train: object,
): Promise<{ readonly dir: string; readonly config: string }> {
  const dir = scratch();
  for (const [name, [rows, cols]] of Object.entries(tables)) {
    const { data } = normalMatrix(rows, cols, random('shards', name));
    await writeNpy(join(dir, 'tables', `${name}.npy`), normaliseRows(matrix(rows, cols, data)));
  }
  const config = join(dir, 'freebind.config.json');
  writeFileSync(config, JSON.stringify({ tables: 'tables', train: { batch: 50, hidden: 6, epochs: 1, ...train } }));
  return { dir, config };
}

/** More items than one tile of 4,096, so that shards of it have something to do. */
const onePool = () =>
  pool(
    { 'unified.audio': [9000, 6], 'unified.text': [50, 6], 'sound.audio': [9000, 5], 'sound.text': [50, 5] },
    { recipe: 'unified + c(sound)', checkpoints: { everySteps: 20 } },
  );

/** Two steps: the second binds the space that the first makes. */
const stepsPool = () =>
  pool(
    {
      'u.audio': [4200, 6],
      'u.image': [60, 6],
      'u.text': [50, 6],
      'vt.image': [60, 4],
      'vt.text': [50, 4],
      'at.audio': [4200, 5],
      'at.text': [50, 5],
    },
    { recipe: 'u + d(vt) + c(at)', heads: ['mix', 'A'] },
  );

const bondIn = (bonds: string, id: string): readonly string[] =>
  readdirSync(join(bonds, id)).map((name) => `${name} ${readFileSync(join(bonds, id, name), 'base64')}`);

describe('train --shard', () => {
  test('shards in processes of their own, some of them killed and run again, make the bond of one run', async () => {
    const { dir, config } = await onePool();
    const [whole, sharded] = [join(dir, 'whole'), join(dir, 'sharded')];
    const alone = freebind(['train', config, '--out', whole, '--no-reuse']);
    const shard = (part: string, index: number, killAt?: RegExp): Promise<Outcome> =>
      freebind(['train', config, '--out', sharded, '--part', part, '--shard', `${index}/3`, '--json'], {
        ...(killAt !== undefined && {
          onOutput: (stdout, kill) => {
            if (killAt.test(stdout)) kill('SIGKILL');
          },
        }),
      });

    const early = await shard('heads', 0);
    expect(early.stdout).toContain('FREEBIND_FILE_MISSING');
    for (const [part, killAt] of [
      ['pairs', /"type":"rows"/],
      ['heads', /"step":4\d/],
    ] as const) {
      const first = await Promise.all([shard(part, 0), shard(part, 1, killAt), shard(part, 2)]);
      expect(first.map(({ status }) => status)).toEqual([0, null, 0]);
      const merge = await freebind(['train', config, '--out', sharded, '--merge']);
      expect(merge.stderr).toMatch(/^error FREEBIND_FILE_MISSING: .*heads of "unified-c-sound" are not in/m);
      expect((await shard(part, 1)).status).toBe(0);
    }
    const merged = await freebind(['train', config, '--out', sharded, '--merge', '--json']);
    expect(merged.status).toBe(0);
    expect(merged.stdout).not.toContain('"type":"step"');
    expect((await alone).status).toBe(0);
    expect(bondIn(sharded, 'unified-c-sound')).toEqual(bondIn(whole, 'unified-c-sound'));
    expect(readdirSync(whole)).toEqual(['unified-c-sound']);
  });

  test('a recipe of two steps is put together bond by bond, to the bonds of one run', async () => {
    const { dir, config } = await stepsPool();
    const [whole, sharded] = [join(dir, 'whole'), join(dir, 'sharded')];
    const train = (...args: readonly string[]): Promise<Outcome> =>
      freebind(['train', config, '--out', sharded, ...args]);
    const alone = freebind(['train', config, '--out', whole, '--no-reuse']);

    const early = await train('--bond', 'u-d-vt-c-at', '--part', 'pairs', '--shard', '0/2');
    expect(early.stderr).toMatch(/^error FREEBIND_FILE_MISSING: .*"u-d-vt-c-at".*--merge --bond u-d-vt/m);
    const unknown = await train('--merge', '--bond', 'u-c-at');
    expect(unknown.stderr).toMatch(/^error FREEBIND_BOND_UNKNOWN: .*"u-c-at"; name one of u-d-vt, u-d-vt-c-at/m);
    for (const bond of ['u-d-vt', 'u-d-vt-c-at']) {
      for (const part of ['pairs', 'heads']) {
        const shards = ['0/2', '1/2'].map((shard) => train('--bond', bond, '--part', part, '--shard', shard));
        expect((await Promise.all(shards)).map(({ status }) => status)).toEqual([0, 0]);
      }
      const merged = await train('--merge', '--bond', bond, '--json');
      expect([merged.status, merged.stdout.includes('"type":"step"')]).toEqual([0, false]);
    }
    expect((await alone).status).toBe(0);
    for (const bond of readdirSync(whole)) expect(bondIn(sharded, bond)).toEqual(bondIn(whole, bond));
    expect(readdirSync(whole)).toEqual(['u-d-vt', 'u-d-vt-c-at']);
  });

  test.each([
    [['--bond', 'u-d-vt'], /--bond names the bond to --shard, or the last one to --merge/],
    [['--shard', '0/2'], /--shard and --part belong together/],
    [['--part', 'pairs'], /--shard and --part belong together/],
    [['--shard', '2/2', '--part', 'pairs'], /Expected i\/n/],
    [['--shard', '-1/2', '--part', 'pairs'], /Expected i\/n/],
    [['--shard', '0/2', '--part', 'rows'], /pairs, heads/],
    [['--shard', '0/2', '--part', 'pairs', '--no-reuse'], /--no-reuse/],
    [['--merge', '--no-reuse'], /--merge puts together/],
  ])('%j is wrong usage', async (args, said) => {
    const { status, stderr } = await freebind(['train', ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(said);
  });
});
