import { existsSync } from 'node:fs';
import { isFreebindError } from '@freebind/core';
import { openSafetensors } from '@freebind/core/files';
import { readCheckpoint } from '@freebind/torch';
import { expect, test } from 'vitest';
import { type GoldenEntry, goldenPath } from './folder.ts';

/** Tests that files which are damaged or made to run code are refused, and gives their ids. */
export function testHostileFiles(entries: readonly GoldenEntry[]): readonly string[] {
  const hostile = entries.filter(({ id }) => id.startsWith('projectors/malicious/'));
  test.for(hostile)('refuses $id', async ({ id, file }) => {
    const open = file.endsWith('.pt') ? readCheckpoint : openSafetensors;
    const refusal: unknown = await open(goldenPath(file)).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isFreebindError(refusal, id.includes('evil') ? 'FREEBIND_FILE_UNSAFE' : 'FREEBIND_FILE_INVALID')).toBe(true);
    expect(refusal).toMatchObject({ message: expect.stringContaining(goldenPath(file)) });
    // What the hostile pickles would leave in the working directory if anything of them were run.
    expect(existsSync('PWNED')).toBe(false);
  });
  return hostile.map(({ id }) => id);
}
