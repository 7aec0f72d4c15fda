import { FreebindError, type FreebindErrorCode, type ModalityInputs, type Space } from '@freebind/core';
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

/** Embeds pictures as a space with threads does: memory that it may keep leaves this thread. */
class MovingSpace extends ToySpace {
  readonly seen: ModalityInputs['image'][] = [];
  override readonly embedEach: NonNullable<Space['embedEach']> = async (modality, inputs, { moved = false } = {}) => {
    // They are pictures here.
    const pictures = inputs as readonly ModalityInputs['image'][];
    const own = pictures.map((picture) =>
      structuredClone(picture, { transfer: moved ? [picture.bytes.buffer as ArrayBuffer] : [] }),
    );
    this.seen.push(...pictures);
    const { rows, cols, data } = await this.embed('image', own);
    return Array.from({ length: rows }, (_, i) => ({ row: Float32Array.from(data.slice(i * cols, (i + 1) * cols)) }));
  };
}

const embedPictures = async (spaces: readonly Space[]): Promise<readonly Uint8Array[]> => {
  const { chunk } = await embedChunk(
    ['first', 'second'].map((id) => ({ id, path: id })),
    {
      spaces,
      modality: 'image',
      reader: {
        read: async ({ id }) => ({ input: { bytes: new TextEncoder().encode(id).slice() }, bytes: id.length }),
        close: async () => undefined,
      },
      format: 'F32',
      workers: 1,
      known: () => undefined,
      signal: new AbortController().signal,
    },
  );
  return chunk.pieces.slice(0, spaces.length);
};

test('gives what was read to a single space to keep, and to several to share, with the same rows', async () => {
  const [alone, first, second] = ['a', 'a', 'b'].map((id) => new MovingSpace(id));
  if (alone === undefined || first === undefined || second === undefined) throw new Error('three spaces are here');
  const [own] = await embedPictures([alone]);
  expect(alone.seen.map(({ bytes }) => bytes.length)).toEqual([0, 0]);
  const [shared] = await embedPictures([first, second]);
  expect(shared).toEqual(own);
  for (const { seen } of [first, second]) expect(seen.map(({ bytes }) => bytes.length)).toEqual([5, 6]);
});
