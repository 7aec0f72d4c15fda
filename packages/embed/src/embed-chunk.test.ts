import { FreebindError, type FreebindErrorCode } from '@freebind/core';
import { expect, test } from 'vitest';
import { ToySpace } from '../test/toy-spaces.ts';
import { embedChunk } from './embed-chunk.ts';

/** A chunk of two inputs, the second of which cannot be read. */
const chunkWith = (code: FreebindErrorCode) =>
  embedChunk(
    ['good', 'bad'].map((id) => ({ id, text: id })),
    {
      spaces: [new ToySpace('a')],
      modality: 'text',
      reader: {
        read: async ({ id }) => {
          if (id === 'bad') throw new FreebindError(code, `It is ${id}.`);
          return { input: id, bytes: id.length };
        },
        close: async () => undefined,
      },
      format: 'F32',
      workers: 1,
      known: () => undefined,
      signal: new AbortController().signal,
    },
  );

test.for(['FREEBIND_FILE_INVALID', 'FREEBIND_FILE_MISSING', 'FREEBIND_NUMBER_INVALID'] as const)(
  'skips an input that cannot be read for its own fault: %s',
  async (code) => {
    const { chunk, skipped } = await chunkWith(code);
    expect(chunk).toMatchObject({ items: 2, rows: 1, skipped: 1 });
    expect(skipped).toEqual([{ id: 'bad', code, message: 'It is bad.' }]);
  },
);

test.for(['FREEBIND_PLUGIN_MISSING', 'FREEBIND_CAPABILITY_MISSING', 'FREEBIND_CLOSED', 'FREEBIND_ABORTED'] as const)(
  'ends, and skips nothing, for what is no input’s fault: %s',
  async (code) => {
    await expect(chunkWith(code)).rejects.toMatchObject({ code });
  },
);
