import { setTimeout as wait } from 'node:timers/promises';
import type * as media from '@freebind/media';
import { expect, test, vi } from 'vitest';
import { embedFiles, type Items } from '../src/index.ts';
import { runAll, scratch } from './embedding.ts';
import { ToySpace } from './toy-spaces.ts';

/** What readers were asked for, and how many files they read at a time. */
const seen = vi.hoisted(() => ({ workers: [] as (number | undefined)[], reading: 0, most: 0 }));

vi.mock('@freebind/media', async (load) => ({
  ...(await load<typeof media>()),
  MediaReader: class {
    constructor({ workers }: { readonly workers?: number } = {}) {
      seen.workers.push(workers);
    }
    async readImage(path: string): Promise<{ readonly bytes: Uint8Array }> {
      seen.most = Math.max(seen.most, ++seen.reading);
      await wait(5);
      seen.reading--;
      return { bytes: new TextEncoder().encode(path) };
    }
    async close(): Promise<void> {}
  },
}));

const pictures: Items = async function* items() {
  for (let i = 0; i < 12; i++) yield { id: `${i}`, path: `${i}.png` };
};

test.each([1, 3])(
  '%i workers decode so many sounds at a time, and so many files of a batch are read',
  async (workers) => {
    Object.assign(seen, { workers: [], reading: 0, most: 0 });
    const spaces = [new ToySpace('a')];
    await runAll(embedFiles({ spaces, modality: 'image', items: pictures, out: scratch(), batch: 12, workers }));
    expect(seen).toEqual({ workers: [workers], reading: 0, most: workers });
  },
);

test('no worker at all is refused', async () => {
  const run = embedFiles({
    spaces: [new ToySpace('a')],
    modality: 'image',
    items: pictures,
    out: scratch(),
    workers: 0,
  });
  await expect(runAll(run)).rejects.toMatchObject({ code: 'FREEBIND_ARGUMENT_INVALID' });
});
