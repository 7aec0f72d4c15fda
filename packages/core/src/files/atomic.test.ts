import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFileAtomic, writeFileAtomic, writeFolderAtomic } from './atomic.ts';
import { cleanLeftovers, namesAside } from './leftovers.ts';
import { LOCK_FILE, lockFolder } from './lock.ts';
import { markOfThisProcess } from './process-mark.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-atomic-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function* breaking(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(10);
  throw new RangeError('from the source');
}

/** Fills a folder with one file. */
function write(text: string): (aside: string) => Promise<void> {
  return (aside) => writeFile(join(aside, 'file'), text);
}

/** A lock file's text, of this process but for `change`. */
async function lockText(change: object): Promise<string> {
  return JSON.stringify({ ...(await markOfThisProcess()), ...change });
}

async function silentFor(seconds: number): Promise<void> {
  const then = new Date(Date.now() - 1000 * seconds);
  await utimes(join(dir, LOCK_FILE), then, then);
}

describe('a file', () => {
  test('is written in chunks, in a folder that need not be there, over what had its name', async () => {
    const path = join(dir, 'deep', 'er', 'file');
    await writeFileAtomic(path, 'old and longer');
    await writeFileAtomic(path, [Uint8Array.of(104, 101), Uint8Array.of(), Uint8Array.of(121)]);
    expect(await readFile(path, 'utf8')).toBe('hey');
    expect(await readdir(join(dir, 'deep', 'er'))).toEqual(['file']);
  });

  test('has its name only from commit on, and an early part can be written late', async () => {
    const path = join(dir, 'file');
    const file = await createFileAtomic(path);
    await file.write(new TextEncoder().encode('????body'));
    await file.write(new TextEncoder().encode('head'), 0);
    expect(existsSync(path)).toBe(false);
    await file.commit();
    await file.discard();
    expect(await readFile(path, 'utf8')).toBe('headbody');
  });

  test('is not there when its source fails', async () => {
    await expect(writeFileAtomic(join(dir, 'file'), breaking())).rejects.toThrow('from the source');
    expect(await readdir(dir)).toEqual([]);
  });

  test.skipIf(!existsSync('/dev/full'))(
    'survives a full disk in its previous version (skipped without /dev/full)',
    async () => {
      const path = join(dir, 'file');
      await writeFileAtomic(path, 'previous');
      // The system's own refusal: what the file handle should write goes to a device that is always full.
      const full = await open('/dev/full', 'w');
      const write = full.write.bind(full);
      // oxlint-disable-next-line typescript/no-misused-promises -- getPrototypeOf is `any`; `write` does return a promise
      const spy = vi.spyOn(Object.getPrototypeOf(full), 'write').mockImplementation(() => write(new Uint8Array(1)));
      const error = await writeFileAtomic(path, 'a checkpoint').catch((e: unknown) => e);
      spy.mockRestore();
      await full.close();
      expect(error).toMatchObject({ code: 'FREEBIND_WRITE_FAILED', cause: { code: 'ENOSPC' } });
      expect(String(error)).toMatch(/the disk is full \(ENOSPC\).*at least 12 bytes.*free.*is intact/);
      expect([await readFile(path, 'utf8'), await readdir(dir)]).toEqual(['previous', ['file']]);
    },
  );

  test('survives a failing fsync in its previous version', async () => {
    const path = join(dir, 'file');
    await writeFileAtomic(path, 'previous');
    const any = await open(path);
    const failure = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    const spy = vi.spyOn(Object.getPrototypeOf(any), 'sync').mockRejectedValue(failure);
    await expect(writeFileAtomic(path, 'next')).rejects.toMatchObject({
      code: 'FREEBIND_WRITE_FAILED',
      cause: failure,
    });
    spy.mockRestore();
    await any.close();
    expect([await readFile(path, 'utf8'), await readdir(dir)]).toEqual(['previous', ['file']]);
  });

  test('is refused where a folder has its name or a file stands in its path', async () => {
    await mkdir(join(dir, 'folder'));
    await writeFile(join(dir, 'blocks'), '');
    for (const path of [join(dir, 'folder'), join(dir, 'blocks', 'file')])
      await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({ code: 'FREEBIND_WRITE_FAILED' });
    expect(await readdir(dir)).toEqual(['blocks', 'folder']);
  });
});

describe('leftovers beside a target', () => {
  test('go when their writer is dead or cannot be asked for a day, and stay while it may live', async () => {
    const path = join(dir, 'file');
    const { fresh: living } = await namesAside(path);
    const { pid, started, place } = await markOfThisProcess();
    const mark = `${pid}-${started}-${place}`;
    const dead = living.replace(mark, `${pid}-${Number(started) + 1}-${place}`);
    const elsewhere = living.replace(mark, `${pid}-${started}-${'0'.repeat(12)}`);
    const longAgo = elsewhere.replace('.new', '.old');
    const others = (await namesAside(join(dir, 'other'))).fresh.replace(mark, `1-1-${place}`);
    for (const name of [path, living, dead, elsewhere, longAgo, others]) await writeFile(name, '');
    await utimes(longAgo, 0, 0);
    await cleanLeftovers(path);
    const left = await readdir(dir);
    // Without /proc the system does not tell when a process started, and the number alone is still in use.
    const kept = [path, living, elsewhere, others, ...(started === '0' ? [dead] : [])];
    expect(new Set(left)).toEqual(new Set(kept.map((name) => basename(name))));
  });
});

describe('a folder', () => {
  test('appears whole, replaces only when asked to, and takes an empty folder for none', async () => {
    const path = join(dir, 'bond');
    await mkdir(path);
    await writeFolderAtomic(path, write('first'));
    await expect(writeFolderAtomic(path, write('second'))).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    expect(await readFile(join(path, 'file'), 'utf8')).toBe('first');
    await writeFolderAtomic(path, write('third'), { replace: ['file'] });
    expect([await readFile(join(path, 'file'), 'utf8'), await readdir(dir)]).toEqual(['third', ['bond']]);
  });

  test.each([
    ['a file', async (path: string) => writeFile(join(path, 'thesis.txt'), 'years of work'), 'thesis.txt'],
    ['a folder', async (path: string) => mkdir(join(path, 'photos')), 'photos'],
    [
      'a folder of an owned name',
      async (path: string) => rm(join(path, 'file')).then(() => mkdir(join(path, 'file'))),
      'file',
    ],
  ])('that also holds %s of somebody else is never replaced', async (_, put, stranger) => {
    const path = join(dir, 'bond');
    await writeFolderAtomic(path, write('first'));
    await put(path);
    const before = await readdir(path);
    const done = vi.fn(write('second'));
    const error = await writeFolderAtomic(path, done, { replace: ['file'] }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    expect(String(error)).toContain(`holds ${stranger}`);
    expect([done.mock.calls, await readdir(path), await readdir(dir)]).toEqual([[], before, ['bond']]);
  });

  test('that gets something while its successor is written keeps it', async () => {
    const path = join(dir, 'bond');
    await writeFolderAtomic(path, write('first'));
    const meddled = async (aside: string): Promise<void> => {
      await write('second')(aside);
      await writeFile(join(path, 'thesis.txt'), '');
    };
    const error = await writeFolderAtomic(path, meddled, { replace: ['file'] }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    expect([await readdir(path), await readdir(dir)]).toEqual([['file', 'thesis.txt'], ['bond']]);
    expect(await readFile(join(path, 'file'), 'utf8')).toBe('first');
  });

  test('is written by one of many writers at once, and the others are told', async () => {
    const path = join(dir, 'bond');
    for (let round = 0; round < 10; round++) {
      const writers = Array.from({ length: 8 }, (_, i) => writeFolderAtomic(path, write(`writer ${i}`)));
      const results = await Promise.allSettled(writers);
      const won = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
      const reasons = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
      expect(won.length).toBe(1);
      expect(reasons).toEqual(Array(7).fill(expect.objectContaining({ code: 'FREEBIND_OUTPUT_EXISTS' })));
      // The one that was told so is the one whose folder is there.
      expect(await readFile(join(path, 'file'), 'utf8')).toBe(`writer ${won[0]}`);
      expect(await readdir(dir)).toEqual(['bond']);
      await rm(path, { recursive: true });
    }
  });

  test('stays as it was when the work on its successor fails', async () => {
    const path = join(dir, 'bond');
    await writeFolderAtomic(path, write('first'));
    const fail = async (aside: string): Promise<void> => {
      await write('half')(aside);
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    };
    await expect(writeFolderAtomic(path, fail, { replace: ['file'] })).rejects.toMatchObject({
      code: 'FREEBIND_WRITE_FAILED',
    });
    expect([await readFile(join(path, 'file'), 'utf8'), await readdir(dir)]).toEqual(['first', ['bond']]);
  });

  test('stays locked by its writer while it is replaced', async () => {
    const path = join(dir, 'bond');
    const lock = await lockFolder(path);
    await writeFolderAtomic(path, write('first'));
    await writeFolderAtomic(path, write('second'), { replace: ['file'] });
    await expect(lockFolder(path)).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_BUSY' });
    expect(await readdir(path)).toEqual([LOCK_FILE, 'file']);
    await lock.release();
    await lock.release();
    expect(await readdir(path)).toEqual(['file']);
  });
});

describe('a lock', () => {
  test('is taken over when its process number was used again by another process', async ({ skip }) => {
    const { started } = await markOfThisProcess();
    if (started === '0') skip('this system does not tell when a process started');
    await writeFile(join(dir, LOCK_FILE), await lockText({ started: '1' }));
    await (await lockFolder(dir)).release();
    expect(await readdir(dir)).toEqual([]);
  });

  test('of another machine, or that cannot be read, is respected while it gives signs of life, and then taken over', async () => {
    const path = join(dir, LOCK_FILE);
    const elsewhere = await lockText({ place: '0'.repeat(12), host: 'elsewhere', pid: 4 });
    await writeFile(path, elsewhere);
    await expect(lockFolder(dir)).rejects.toThrow(/by process 4 on elsewhere.* free 120 s after .* in 1[12]\d s/);
    for (const text of [elsewhere, '', '{}', '[1]', '{"pid":"4"}']) {
      await writeFile(path, text);
      await silentFor(110);
      await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_BUSY' });
      expect(await readdir(dir)).toEqual([LOCK_FILE]);
      await silentFor(121);
      await (await lockFolder(dir)).release();
      expect(await readdir(dir)).toEqual([]);
    }
  });

  test('whose process this one can ask is not judged by signs of life', async () => {
    const lock = await lockFolder(dir);
    await silentFor(1000);
    await expect(lockFolder(dir)).rejects.toThrow(`by this very process (${process.pid})`);
    await lock.release();
  });

  test('gives a sign of life every fifteen seconds until its release', async () => {
    const path = join(dir, LOCK_FILE);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const lock = await lockFolder(dir);
      await silentFor(1000);
      vi.advanceTimersByTime(14_999);
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(1);
      await vi.waitFor(async () => expect((await stat(path)).mtimeMs).toBeGreaterThan(Date.now() - 60_000));
      // Another's lock is left as it is.
      await writeFile(path, 'theirs');
      await silentFor(1000);
      const before = (await stat(path)).mtimeMs;
      vi.advanceTimersByTime(15_000);
      await lock.release();
      expect([vi.getTimerCount(), (await stat(path)).mtimeMs]).toEqual([0, before]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('does not remove the lock of another at its release', async () => {
    const lock = await lockFolder(dir);
    await writeFile(join(dir, LOCK_FILE), 'theirs');
    await lock.release();
    expect(await readFile(join(dir, LOCK_FILE), 'utf8')).toBe('theirs');
  });

  test('takes over what a process left that was killed while it took over a dead lock', async ({ skip }) => {
    const { started, pid } = await markOfThisProcess();
    if (started === '0') skip('this system does not tell when a process started');
    const path = join(dir, LOCK_FILE);
    await writeFile(path, await lockText({ started: '1' }));
    await writeFile(`${path}.${pid}-1`, await lockText({ started: '2' }));
    // Of an earlier takeover, killed before its end.
    await writeFile(`${path}.5-5`, await lockText({ started: '3' }));
    await (await lockFolder(dir)).release();
    expect(await readdir(dir)).toEqual([]);
  });
});
