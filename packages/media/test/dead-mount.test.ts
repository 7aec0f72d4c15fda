import { expect, test, vi } from 'vitest';
import { MediaReader, readSource } from '../src/index.ts';
import { wavFile } from './wav-file.ts';

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

test('a media reader leaves it as well, reads on and closes', async () => {
  const reader = new MediaReader({ workers: 1 });
  const stop = new AbortController();
  const read = reader.readAudio('/dead/a.wav', { signal: stop.signal });
  stop.abort();
  await expect(read).rejects.toMatchObject({ code: 'FREEBIND_ABORTED', message: 'Reading media was stopped.' });
  await expect(reader.readAudio('/dead/a.wav', { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'FREEBIND_FILE_INVALID',
    message: expect.stringContaining('within 50 ms'),
  });
  await expect(reader.readAudio(wavFile([1, 2]))).resolves.toMatchObject({ sampleRate: 16_000 });
  await reader.close();
});
