import { FreebindError, type Modality, type ModalityInputs } from '@freebind/core';
import { readAudio, readImage, readSource } from '@freebind/media';
import type { Item } from './items.ts';

/** An input as spaces take it. */
export interface ReadInput<M extends Modality> {
  readonly input: ModalityInputs[M];
  /** What it takes in memory. */
  readonly bytes: number;
}

/** Reads an item of a modality, and decodes sound; pictures are decoded by spaces. Throws what an item is skipped for. */
export type ItemReader<M extends Modality> = (item: Item, signal: AbortSignal) => Promise<ReadInput<M>>;

const READERS: { readonly [M in Modality]: ItemReader<M> } = {
  image: async (item, signal) => {
    const input = await readImage(pathOf(item, 'image'), { signal });
    return { input, bytes: input.bytes.length };
  },
  audio: async (item, signal) => {
    const input = await readAudio(pathOf(item, 'audio'), { signal });
    return { input, bytes: input.channels.reduce((sum, channel) => sum + channel.byteLength, 0) };
  },
  text: async ({ path, text }, signal) => {
    const input = text ?? decodeText(await readSource(path ?? '', { signal }), path ?? '');
    return { input, bytes: 2 * input.length };
  },
};

/** How items of `modality` are read. @throws FREEBIND_CAPABILITY_MISSING for a modality that is not read from files */
export function itemReader(modality: Modality): ItemReader<Modality> {
  if (Object.hasOwn(READERS, modality)) return READERS[modality];
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

/** The content of a text file, without the line break at its end. */
function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is not UTF-8 text. Convert it: iconv -f latin1 -t utf-8.`,
      {
        cause,
      },
    );
  }
}
