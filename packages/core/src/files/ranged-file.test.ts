import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BOND_FILE, findBonds, readBond } from './bond-folder.ts';
import { RangedFile, readText } from './ranged-file.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-ranged-'));
});
afterEach(() => rm(dir, { recursive: true }));

const refused = (found: string): unknown =>
  expect.objectContaining({ code: 'FREEBIND_FILE_INVALID', message: expect.stringContaining(found) });

test('text is read whole, without its byte order mark', async () => {
  await writeFile(join(dir, 'text'), '\uFEFFa\u2020\n');
  expect(await readText(join(dir, 'text'))).toBe('a\u2020\n');
  await writeFile(join(dir, 'text'), '');
  expect(await readText(join(dir, 'text'))).toBe('');
  await expect(readText(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
});

describe.skipIf(process.platform === 'win32')(
  'what is no regular file is refused and not waited for (skipped on Windows)',
  () => {
    test('a folder, a device and a socket', async () => {
      const socket = join(dir, 'socket');
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      await expect(RangedFile.open(dir)).rejects.toEqual(refused(`${dir} is a folder`));
      await expect(RangedFile.open('/dev/null')).rejects.toEqual(refused('/dev/null is a device'));
      await expect(RangedFile.open(socket)).rejects.toEqual(refused(`${socket} is a socket`));
      await new Promise((resolve) => server.close(resolve));
    });

    test('a named pipe, also where a description should be', async () => {
      const pipe = join(dir, BOND_FILE);
      execFileSync('mkfifo', [pipe]);
      await expect(RangedFile.open(pipe)).rejects.toEqual(refused(`${pipe} is a named pipe`));
      await expect(readBond(dir)).rejects.toEqual(refused('a named pipe'));
      await expect(findBonds(dir)).resolves.toEqual([]);
    });
  },
);
