import { fileURLToPath } from 'node:url';
import type { ModalityInputs } from '@freebind/core';
import { MediaReader } from '@freebind/media';
import { type ClapFeatures, IMAGEBIND_IMAGE, squareLevels } from '@freebind/preprocess';
import { RobertaTokenizer } from '@freebind/space-clap';
import { ClipTokenizer } from '@freebind/space-imagebind';
import { buffersIn, ThreadPool } from '@freebind/threads';
import type { ItemTask, OpenAt, Work } from '../task.ts';
import { readList, writePictures, writeSounds, writeTexts } from './preprocess-files.ts';

/** Every so many numbers of a result go into the check. */
const STRIDE = 101;

/** What the spaces' `preparation.ts` export, which run in their threads. */
interface ImagebindPreparation {
  image(bytes: Uint8Array): Promise<Uint8Array>;
  audio(sound: ModalityInputs['audio']): Float32Array;
}
interface ClapPreparation {
  audio(sound: ModalityInputs['audio'], model: { readonly fusion: boolean; readonly seed: number }): ClapFeatures;
}

/** What graphs' threads look the numbers of pictures up with, and repeat those of sounds with, always in the same memory. */
const LEVELS = new URL('../../packages/encoder-onnx/dist/levels.js', import.meta.url);
type LookUp = (bytes: Uint8Array, levels: Float32Array, planes: number, out: Float32Array) => void;
const REPEAT = new URL('../../packages/encoder-onnx/dist/repeat-rows.js', import.meta.url);
type RepeatRows = (data: Float32Array, rows: number, times: number, out: Float32Array) => void;

function preparationOf<Functions extends object>(space: string, workers: number): ThreadPool<Functions> {
  const module = new URL(`../../packages/${space}/dist/preparation.js`, import.meta.url);
  return new ThreadPool<Functions>({ module, size: workers, depth: 2 });
}

/** JPEG files to what ImageBind sees, as its space does it: decoded, Pillow's bicubic, cut, normalised. */
function pictures(name: string, count: number, width: number, height: number): ItemTask<PictureSize> {
  return {
    name,
    sizes: [
      { count, width, height },
      { count: 6, width, height },
    ],
    items: ({ count }) => count,
    describe: ({ count, width, height }) => `${count} JPEGs of ${width} × ${height} for ImageBind`,
    peer: 'preprocess',
    prepare: async (size, folder) => ({ list: await writePictures(folder, size) }),
    async open(_, at) {
      const media = new MediaReader({ workers: at.threads });
      const threads = preparationOf<ImagebindPreparation>('space-imagebind', at.threads);
      const { lookUp } = (await import(LEVELS.href)) as { readonly lookUp: LookUp }; // the built module
      const levels = squareLevels(IMAGEBIND_IMAGE);
      const numbers = new Float32Array(3 * IMAGEBIND_IMAGE.side ** 2);
      return overFiles(at, [media, threads], async (path) => {
        const { bytes } = await media.readImage(path);
        lookUp(await threads.call('image', [bytes], { transfer: buffersIn(bytes) }), levels, 3, numbers);
        return numbers;
      });
    },
  };
}

type PictureSize = Readonly<Record<'count' | 'width' | 'height', number>>;

/** Pictures of the size of COCO's. */
export const images = pictures('preprocess/images', 150, 640, 480);
/** Photographs as cameras make them, at their smallest. */
export const largeImages = pictures('preprocess/large-images', 60, 1920, 1080);

type SoundSize = Readonly<Record<'count' | 'sampleRate', number>>;
const SOUNDS: readonly SoundSize[] = [
  { count: 60, sampleRate: 44_100 },
  { count: 6, sampleRate: 44_100 },
];

/** What a space's threads, and its graph's, make of sounds. */
interface SoundThreads {
  readonly of: (sound: ModalityInputs['audio']) => Promise<Float32Array>;
  close(): Promise<void>;
}

function sounds(space: string, open: (workers: number) => Promise<SoundThreads>): ItemTask<SoundSize> {
  return {
    name: `preprocess/${space.toLowerCase()}-audio`,
    sizes: SOUNDS,
    items: ({ count }) => count,
    describe: ({ count, sampleRate }) => `${count} WAVs of 10 s at ${sampleRate} Hz for ${space}`,
    peer: 'preprocess',
    prepare: async (size, folder) => ({ list: await writeSounds(folder, size) }),
    async open(_, at) {
      const media = new MediaReader({ workers: at.threads });
      const threads = await open(at.threads);
      return overFiles(at, [media, threads], async (path) => threads.of(await media.readAudio(path)));
    },
  };
}

/** WAV files to ImageBind's three filter banks. */
export const imagebindAudio = sounds('ImageBind', async (workers) => {
  const threads = preparationOf<ImagebindPreparation>('space-imagebind', workers);
  return {
    of: (sound) => threads.call('audio', [sound], { transfer: buffersIn(sound) }),
    close: () => threads.close(),
  };
});

/** WAV files to the four mels of CLAP with fusion. */
export const clapAudio = sounds('CLAP', async (workers) => {
  const threads = preparationOf<ClapPreparation>('space-clap', workers);
  const { repeatRows } = (await import(REPEAT.href)) as { readonly repeatRows: RepeatRows }; // the built module
  const numbers = new Float32Array(4 * 1001 * 64);
  const of = async (sound: ModalityInputs['audio']): Promise<Float32Array> => {
    const transfer = buffersIn(sound);
    const { data } = await threads.call('audio', [sound, { fusion: true, seed: 0 }], { transfer });
    repeatRows(data, 1, 4, numbers);
    return numbers;
  };
  return { of, close: () => threads.close() };
});

/**
 * Files at a time, for each worker: two that are prepared and four that are read. Reading is five calls of the system a file, each of
 * which waits in Node's one line behind pictures that are decoded.
 */
const FILES_A_WORKER = 6;

/** Runs over the files of a list. */
async function overFiles(
  { threads, files }: OpenAt,
  opened: readonly { close(): Promise<void> }[],
  prepare: (path: string) => Promise<Float32Array>,
): Promise<Work> {
  const paths = await readList(files['list']);
  return {
    run: async () => {
      let sum = 0;
      const work = paths.values();
      const take = async (): Promise<void> => {
        for (const path of work) {
          const part = sampled(await prepare(path));
          sum += part;
        }
      };
      await Promise.all(Array.from({ length: FILES_A_WORKER * threads }, take));
      return sum;
    },
    close: async () => void (await Promise.all(opened.map((one) => one.close()))),
  };
}

function sampled(data: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += STRIDE) sum += Math.abs(data[i] ?? 0);
  return sum;
}

const vocabulary = (file: string): string =>
  fileURLToPath(new URL(`../../fixtures/golden/vocab/${file}`, import.meta.url));

function texts(
  space: string,
  open: () => Promise<(text: string) => BigInt64Array>,
): ItemTask<{ readonly count: number }> {
  return {
    name: `preprocess/${space.toLowerCase()}-text`,
    sizes: [{ count: 20_000 }, { count: 100 }],
    items: ({ count }) => count,
    describe: ({ count }) => `${count} captions to tokens for ${space}`,
    peer: 'transformers_js',
    prepare: async ({ count }, folder) => ({
      list: await writeTexts(folder, count),
      merges: vocabulary(space === 'CLAP' ? 'roberta-base/merges.txt' : 'clip-bpe/bpe_simple_vocab_16e6.txt.gz'),
      vocab: vocabulary('roberta-base/vocab.json'),
    }),
    async open(_, { files }) {
      const [encode, lines] = [await open(), await readList(files['list'])];
      return {
        run: async () => {
          let sum = 0;
          for (const line of lines) for (const id of encode(line)) sum += Number(id);
          return sum;
        },
        close: async () => undefined,
      };
    },
  };
}

/** Captions to the 77 tokens of CLIP's byte pairs, on one thread, as the space and the peer have them. */
export const imagebindText = texts('ImageBind', async () => {
  const tokenizer = await ClipTokenizer.open(vocabulary('clip-bpe/bpe_simple_vocab_16e6.txt.gz'));
  return (text) => tokenizer.encode(text);
});

/** The same for RoBERTa's. */
export const clapText = texts('CLAP', async () => {
  const tokenizer = await RobertaTokenizer.open(
    vocabulary('roberta-base/vocab.json'),
    vocabulary('roberta-base/merges.txt'),
  );
  return (text) => tokenizer.encode(text).ids;
});
