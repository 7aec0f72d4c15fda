import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from './fault.ts';
import { kibOf } from './trees.ts';

/**
 * Runs two command lines one after the other on a disk of a given size, a tmpfs that only they see. `$1`: KiB of the disk
 * for the first, `$2`: a folder that holds `disk`, with the inputs. After each what the disk holds is copied out.
 */
const ON_SMALL_DISK = `
cd "$2" && mkdir mounted && mount -t tmpfs -o size="$1"k tmpfs mounted && cp -a disk/. mounted/ || exit 99
cd mounted && sh -c "$3" 2> ../first.txt; echo $? > ../first.status; cp -a . ../after-first
mount -o remount,size=512m . && sh -c "$4" 2> ../second.txt; echo $? > ../second.status; cp -a . ../after-second`;

/** The same where no process may mount anything: no file of the first run may grow beyond \`$1\` KiB. */
const WITH_SMALL_FILES = `
cd "$2" && mkdir mounted && cp -a disk/. mounted/ || exit 99
cd mounted && (trap '' XFSZ; ulimit -f $(($1 * 2)); exec sh -c "$3" 2> ../first.txt); echo $? > ../first.status; cp -a . ../after-first
sh -c "$4" 2> ../second.txt; echo $? > ../second.status; cp -a . ../after-second`;

export const fullDisk: Fault = {
  name: 'full disk',
  what: 'the disk has room for a random part of what the run writes; then it has more, and the run is resumed.',
  befalls: () => true,
  run: async (trial) => {
    const { dir, at } = trial;
    const [before, after] = [kibOf(dir), trial.measured.kib];
    // From none on: what tune writes is a page.
    const room = at.below(Math.max(1, Math.ceil(1.3 * (after - before))));
    const outer = `${dir}-full`;
    mkdirSync(outer);
    try {
      renameSync(dir, join(outer, 'disk'));
      const mounts = canMount();
      const size = mounts ? before + room : Math.max(1, at.below(200));
      const lines = [trial.commandLine({ again: false }), trial.commandLine({ again: true })];
      const script = ['/bin/sh', '-c', mounts ? ON_SMALL_DISK : WITH_SMALL_FILES, 'sh', String(size), outer, ...lines];
      const [command = '', ...args] = mounts ? ['unshare', '-rm', ...script] : script;
      spawnSync(command, args, { env: { ...process.env, NO_COLOR: '1', FREEBIND_BACKEND: trial.measured.backend } });
      const [first, second] = [endOf(outer, 'first'), endOf(outer, 'second')];
      cpSync(join(outer, 'after-first'), dir, { recursive: true });
      const broken = await trial.judge({ ...first, ms: 0, firstWriteMs: 0 });
      if (broken !== undefined) return broken;
      if (first.status !== 0 && first.code !== 'FREEBIND_WRITE_FAILED')
        return { end: first.code ?? 'crash', broken: first.stderr };
      if (first.status === 0) return trial.compare('identical');
      rmSync(dir, { recursive: true });
      cpSync(join(outer, 'after-second'), dir, { recursive: true });
      if (second.status !== 0) return { end: first.code ?? '', broken: `the run after it: ${second.stderr}` };
      return trial.compare(first.code ?? 'identical');
    } finally {
      rmSync(outer, { recursive: true, force: true });
    }
  },
};

/** Whether a process may have a file system of its own here. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function endOf(
  outer: string,
  name: string,
): { readonly status: number; readonly code: string | undefined; readonly stderr: string } {
  const stderr = readFileSync(join(outer, `${name}.txt`), 'utf8');
  return {
    status: Number(readFileSync(join(outer, `${name}.status`), 'utf8')),
    code: /^error (FREEBIND_\w+)/m.exec(stderr)?.[1],
    stderr,
  };
}
