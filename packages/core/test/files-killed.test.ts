import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeFileAtomic, writeFolderAtomic } from '../src/files/atomic.ts';
import { recoverFolder } from '../src/files/leftovers.ts';
import { LOCK_FILE, lockFolder } from '../src/files/lock.ts';
import { openTables } from '../src/files/table-folder.ts';
import { matrix } from '../src/matrix.ts';
import { writeNpy } from '../src/files/npy.ts';
import { runChild } from './child.ts';

const posix = process.platform !== 'win32';
let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-killed-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Starts a writer and kills it `afterMs` after its first version was written. */
async function killWriter(task: string, path: string, afterMs: number): Promise<void> {
  await runChild('files-child.ts', [task, path], ({ pid }) => {
    setTimeout(() => process.kill(Number(pid), 'SIGKILL'), afterMs);
  });
}

/** The lines that a child which ends by itself prints. */
async function linesOf(args: readonly string[], shell?: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const lines: Readonly<Record<string, unknown>>[] = [];
  await runChild('files-child.ts', args, (line) => lines.push(line), shell === undefined ? {} : { shell });
  return lines;
}

describe.skipIf(!posix)('a writer killed at any moment (skipped on Windows, which has no SIGKILL)', () => {
  test('leaves a whole file, old or new, and what it left aside goes with the next write', async () => {
    const path = join(dir, 'weights');
    for (const afterMs of [0, 3, 7, 13, 29]) {
      await killWriter('write-file', path, afterMs);
      const bytes = await readFile(path);
      expect(bytes.length).toBe(2 ** 21);
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
    }
    await writeFileAtomic(path, 'done');
    expect(await readdir(dir)).toEqual(['weights']);
  });

  test('leaves a whole folder, old or new, and what it left aside goes with the next write', async () => {
    const path = join(dir, 'bond');
    for (const afterMs of [0, 2, 5, 11, 17]) {
      await killWriter('write-folder', path, afterMs);
      await recoverFolder(path);
      const [a, b] = [await readFile(join(path, 'a'), 'utf8'), await readFile(join(path, 'b'), 'utf8')];
      expect(a).toBe(b);
      expect(a.length).toBeGreaterThanOrEqual(10_000);
    }
    await writeFolderAtomic(path, (aside) => writeFile(join(aside, 'a'), 'done'), { replace: ['a', 'b'] });
    expect(await readdir(dir)).toEqual(['bond']);
    expect(await readdir(path)).toEqual(['a']);
  });

  test('killed between the two renames of a replacement, it leaves the old folder to readers and to the next writer', async () => {
    const path = join(dir, 'tables');
    await mkdir(path);
    await writeNpy(join(path, 'clap.audio.npy'), matrix(2, 3));
    const [names] = await linesOf(['names-aside', path]);
    const [fresh, old] = [String(names?.['fresh']), String(names?.['old'])];
    await mkdir(fresh);
    await rename(path, old);
    const tables = await openTables(path);
    expect(tables.rows('audio')).toBe(2);
    await tables.close();

    await rename(path, old);
    await expect(writeFolderAtomic(path, async () => undefined)).rejects.toMatchObject({
      code: 'FREEBIND_OUTPUT_EXISTS',
    });
    expect(await readdir(path)).toEqual(['clap.audio.npy']);
    await writeFolderAtomic(path, (aside) => writeFile(join(aside, 'new'), ''), { replace: ['clap.audio.npy'] });
    expect([await readdir(dir), await readdir(path)]).toEqual([['tables'], ['new']]);
  });
});

describe.skipIf(!posix)('two processes that write one folder (skipped on Windows)', () => {
  test('are told apart: the second is refused with the number of the first, until that is gone', async () => {
    const path = join(dir, 'out');
    let ended: Promise<void> = Promise.resolve();
    const pid = await new Promise<number>((resolve) => {
      ended = runChild('files-child.ts', ['lock', path], (line) => resolve(Number(line['pid'])));
    });
    const refused = await lockFolder(path).catch((error: unknown) => error);
    const replaced = await writeFolderAtomic(path, async () => undefined, { replace: ['a'] }).catch((e: unknown) => e);
    process.kill(pid, 'SIGKILL');
    await ended;
    expect([refused, replaced]).toEqual(Array(2).fill(expect.objectContaining({ code: 'FREEBIND_OUTPUT_BUSY' })));
    expect(String(refused)).toContain(`by process ${pid} on `);
    // It is seen to run, so nothing is said of deleting its lock.
    expect(String(refused)).not.toContain(LOCK_FILE);
    // The lock of the killed process is there still; it is taken over at once.
    expect((await stat(join(path, LOCK_FILE))).isFile()).toBe(true);
    const lock = await lockFolder(path);
    await lock.release();
    expect(await readdir(path)).toEqual([]);
  });

  test('contend for a dead lock without both getting it', async () => {
    await runChild('files-child.ts', ['lock', dir], ({ pid }) => process.kill(Number(pid), 'SIGKILL'));
    const contenders = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(dir)));
    const won = contenders.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const lost = contenders.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
    expect(won.length).toBe(1);
    expect(lost).toEqual(Array(7).fill(expect.objectContaining({ code: 'FREEBIND_OUTPUT_BUSY' })));
    await won[0]?.release();
    expect(await readdir(dir)).toEqual([]);
  });
});

describe.skipIf(!posix)('a disk that takes no more (skipped on Windows)', () => {
  test('leaves the previous file and nothing else when a file may not grow', async () => {
    // 128 blocks of 512 bytes; the signal that would end the process instead is ignored.
    const [line] = await linesOf(['fill', join(dir, 'weights')], `trap '' XFSZ; ulimit -f 128;`);
    expect(line).toMatchObject({ code: 'FREEBIND_WRITE_FAILED', survived: true, files: ['weights'] });
    expect(line?.['message']).toContain('EFBIG');
  });

  test('leaves the previous file and says how much space is missing when the disk is full', async ({ skip }) => {
    const mount = `exec unshare -rm /bin/sh -c 'mount -t tmpfs -o size=512k tmpfs ${dir} && exec "$@"' sh "$@";`;
    const lines = await linesOf(['fill', join(dir, 'weights')], mount);
    if (lines.length === 0) skip('this system lets no process mount a file system of its own');
    expect(lines[0]).toMatchObject({ code: 'FREEBIND_WRITE_FAILED', survived: true, files: ['weights'] });
    expect(lines[0]?.['message']).toMatch(
      /the disk is full \(ENOSPC\).* needs at least 2\.0 MiB and [1-9]\d+ bytes are free/,
    );
  });
});
