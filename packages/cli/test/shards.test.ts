import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matrix, normaliseRows, normalMatrix, random } from '@freebind/core';
import { writeNpy } from '@freebind/core/files';
import { describe, expect, test } from 'vitest';
import { freebind, type Outcome, scratch } from './freebind.ts';

/** A pool of more items than one tile of 4,096, so that shards of it have something to do, and a config for it. */
async function pool(): Promise<{ readonly dir: string; readonly config: string }> {
  const dir = scratch();
  for (const [name, rows, cols] of [
    ['unified.audio', 9000, 6],
    ['unified.text', 50, 6],
    ['sound.audio', 9000, 5],
    ['sound.text', 50, 5],
  ] as const) {
    const { data } = normalMatrix(rows, cols, random('shards', name));
    await writeNpy(join(dir, 'tables', `${name}.npy`), normaliseRows(matrix(rows, cols, data)));
  }
  const config = join(dir, 'freebind.config.json');
  const train = { recipe: 'unified + c(sound)', batch: 50, hidden: 6, epochs: 1, checkpoints: { everySteps: 20 } };
  writeFileSync(config, JSON.stringify({ tables: 'tables', train }));
  return { dir, config };
}

const bondIn = (bonds: string): readonly string[] => {
  const dir = join(bonds, 'unified-c-sound');
  return readdirSync(dir).map((name) => `${name} ${readFileSync(join(dir, name), 'base64')}`);
};

describe('train --shard', () => {
  test('shards in processes of their own, some of them killed and run again, make the bond of one run', async () => {
    const { dir, config } = await pool();
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
    expect(bondIn(sharded)).toEqual(bondIn(whole));
    expect(readdirSync(whole)).toEqual(['unified-c-sound']);
  });

  test.each([
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
