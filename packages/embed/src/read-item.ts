import { FreebindError, isFreebindError, type Modality, type ModalityInputs } from '@freebind/core';
import { decodeUtf8 } from '@freebind/core/files';
import { MediaReader, readSource } from '@freebind/media';
import type { Item } from './items.ts';

/** An input as spaces take it. */
export interface ReadInput<M extends Modality> {
  readonly input: ModalityInputs[M];
  /** What it takes in memory. */
  readonly bytes: number;
}

/** Reads items of one modality; sound is decoded, in threads, and pictures are left to the spaces' threads. */
export interface ItemReader<M extends Modality> {
  /** Throws what an item is skipped for. */
  read(item: Item, signal: AbortSignal): Promise<ReadInput<M>>;
  close(): Promise<void>;
}

const READERS: { readonly [M in Modality]: (workers: number) => ItemReader<M> } = {
  image: (workers) =>
    mediaReader(workers, async (media, item, signal) => {
      const input = await media.readImage(pathOf(item, 'image'), { signal });
      return { input, bytes: input.bytes.length };
    }),
  audio: (workers) =>
    mediaReader(workers, async (media, item, signal) => {
      const input = await media.readAudio(pathOf(item, 'audio'), { signal });
      return { input, bytes: input.channels.reduce((sum, channel) => sum + channel.byteLength, 0) };
    }),
  text: () => ({
    read: async ({ path, text }, signal) => {
      const input = text ?? (await readText(path ?? '', signal));
      return { input, bytes: 2 * input.length };
    },
    close: async () => undefined,
  }),
};

function mediaReader<M extends Modality>(
  workers: number,
  read: (media: MediaReader, item: Item, signal: AbortSignal) => Promise<ReadInput<M>>,
): ItemReader<M> {
  const media = new MediaReader({ workers });
  return { read: (item, signal) => read(media, item, signal), close: () => media.close() };
}

/** A reader of items of `modality`, to be closed, with `workers` threads. @throws FREEBIND_CAPABILITY_MISSING for a modality that is not read from files */
export function openReader(modality: Modality, workers: number): ItemReader<Modality> {
  checkReadable(modality);
  return READERS[modality](workers);
}

/** @throws FREEBIND_CAPABILITY_MISSING for a modality that is not read from files */
export function checkReadable(modality: Modality): void {
  if (Object.hasOwn(READERS, modality)) return;
  throw new FreebindError(
    'FREEBIND_CAPABILITY_MISSING',
    `${modality} cannot be read from files; ${Object.keys(READERS).join(', ')} can. Embed it in a program.`,
  );
}

function pathOf({ path, id }: Item, modality: Modality): string {
  if (path !== undefined) return path;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `"${id}" is a text, but ${modality} is read from files. Give paths.`,
  );
}

/** The content of a text file or an address, without the line break at its end; a path that is none may be meant as a text. */
async function readText(path: string, signal: AbortSignal): Promise<string> {
  try {
    return decodeUtf8(path, await readSource(path, { signal })).replace(/\r?\n$/, '');
  } catch (error) {
    if (!isFreebindError(error, 'FREEBIND_FILE_MISSING') || /^https?:\/\//i.test(path)) throw error;
    throw new FreebindError(
      error.code,
      `${error.message} If it is a text itself, write it in a file, one text a line, and give that (\`--lines\`).`,
      { cause: error },
    );
  }
}
