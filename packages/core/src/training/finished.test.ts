import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { namesAside } from '../files/leftovers.ts';
import { markOfThisProcess } from '../files/process-mark.ts';
import { readFinished } from './finished.ts';

test('a result is found without what its killed writer had not yet removed: the result before it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'freebind-finished-'));
  try {
    const out = join(dir, 'space');
    const { pid, started, place } = await markOfThisProcess();
    const { old } = await namesAside(out);
    // No system gives so high a number.
    await mkdir(old.replace(`${pid}-${started}-${place}`, `99999999-0-${place}`));
    await mkdir(out);
    expect(await readFinished(out, async () => 'read')).toBe('read');
    expect(await readdir(dir)).toEqual(['space']);
  } finally {
    await rm(dir, { recursive: true });
  }
});
