import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const example = join(root, 'examples/shards');

/** A folder of stand-ins for programs: each writes its arguments as a line to `calls`, and does what its script says. */
function standIns(scripts: Readonly<Record<string, string>>): {
  readonly env: NodeJS.ProcessEnv;
  readonly calls: () => readonly string[];
} {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-slurm-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const calls = join(dir, 'calls');
  writeFileSync(calls, '');
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(dir, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\n${script}\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
  return { env, calls: () => readFileSync(calls, 'utf8').split('\n').slice(0, -1) };
}

describe('examples/shards', () => {
  test('slurm.sh submits the parts of every bond, each after the one before', () => {
    const { env, calls } = standIns({ sbatch: 'wc -l < "$(dirname "$0")/calls" | tr -d " "' });
    const submitted = (...bonds: readonly string[]) => {
      const before = calls().length;
      execFileSync('bash', [join(example, 'slurm.sh'), ...bonds], { env });
      return calls()
        .slice(before)
        .map((call) => [
          / --dependency afterok:(\d+) /.exec(call)?.[1],
          / --array=(\S+) /.exec(call)?.[1],
          / freebind train ([^;]*?) ?;/.exec(call)?.[1],
        ]);
    };
    expect(submitted()).toEqual([
      [undefined, '0-7', '--threads 8 --part pairs --shard $SLURM_ARRAY_TASK_ID/8'],
      ['1', '0-6', '--threads 8 --part heads --shard $SLURM_ARRAY_TASK_ID/7'],
      ['2', undefined, '--merge'],
    ]);
    const several = submitted('u-d-vt', 'u-d-vt-c-at');
    expect(several.map(([after]) => after)).toEqual([undefined, '4', '5', '6', '7', '8']);
    expect(several.map(([, , train]) => train?.replace(/.*--bond/, '--bond'))).toEqual([
      ...Array.from({ length: 3 }, () => "--bond 'u-d-vt'"),
      ...Array.from({ length: 3 }, () => "--bond 'u-d-vt-c-at'"),
    ]);
  });

  test('slurm.sh expands its array only if it holds something: of an empty one, set -u of bash before 4.4 says it is not set', () => {
    const script = readFileSync(join(example, 'slurm.sh'), 'utf8');
    expect(script.match(/\$\{\w+\[@\][^ ]*/g)).toEqual(['${after[@]+"${after[@]}"}']);
  });

  test('a share that Slurm would not start again tries itself, past the silence after which a lock is free', () => {
    const { env, calls } = standIns({
      sbatch: 'for last; do :; done; [ -e "$(dirname "$0")/job" ] || echo "$last" > "$(dirname "$0")/job"; echo 1',
      npx: '[ "$(grep -c ^npx "$(dirname "$0")/calls")" = 3 ]',
      sleep: '',
    });
    execFileSync('bash', [join(example, 'slurm.sh'), 'u-d-vt'], { env });
    const [dir = ''] = (env.PATH ?? '').split(':');
    const before = calls().length;
    const { status } = spawnSync('sh', [join(dir, 'job')], { env: { ...env, SLURM_ARRAY_TASK_ID: '3' } });
    const share = 'npx --no -- freebind train --threads 8 --part pairs --shard 3/8 --bond u-d-vt';
    expect([status, calls().slice(before)]).toEqual([0, [share, 'sleep 150', share, 'sleep 150', share]]);
  });

  test('every option in it is one of freebind train', () => {
    const [, help = ''] = /## freebind train\n([^]*?)\n## /.exec(readFileSync(join(root, 'docs/cli.md'), 'utf8')) ?? [];
    const files = [
      'README.md',
      'slurm.sh',
      ...readdirSync(join(example, 'kubernetes')).map((name) => `kubernetes/${name}`),
    ];
    const used = files.flatMap((file) =>
      [...readFileSync(join(example, file), 'utf8').matchAll(/freebind train (.*)/g)].flatMap(
        ([, rest = '']) => rest.match(/--[a-z-]+/g) ?? [],
      ),
    );
    expect(used.length).toBeGreaterThan(30);
    expect([...new Set(used)].filter((option) => !help.includes(`${option} `))).toEqual([]);
  });
});
