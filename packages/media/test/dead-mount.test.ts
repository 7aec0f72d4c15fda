import { expect, test, vi } from 'vitest';
import { readSource } from '../src/index.ts';

// As on a mount whose server is gone: the system's call does not come back.
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<object>()),
  stat: () => new Promise<never>(() => undefined),
}));

test('a path on a file system that never answers is left when the time has passed or the signal says so', async () => {
  await expect(readSource('/dead/a.wav', { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'FREEBIND_FILE_INVALID',
    message: expect.stringContaining('within 50 ms'),
  });
  const signal = AbortSignal.timeout(50);
  await expect(readSource('/dead/a.wav', { signal })).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
});
