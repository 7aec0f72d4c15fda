import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeAudio } from '@freebind/media';
import { SincResampler } from '@freebind/preprocess';
import sharp from 'sharp';

const MEDIA = fileURLToPath(new URL('../../examples/retrieve/media/', import.meta.url));
const NAMES = ['BBQ', 'toilet', 'train'];

/** Files that are written; a longer list has each of them several times. */
const MOST_FILES = 24;

/** A list of `count` JPEGs of one size, the three photographs of FreeBind's example, none quite as another: their paths, one a line. */
export async function writePictures(
  folder: string,
  { count, width, height }: { readonly count: number; readonly width: number; readonly height: number },
): Promise<string> {
  const paths: string[] = [];
  for (let i = 0; i < Math.min(count, MOST_FILES); i++) {
    const path = join(folder, `${width}x${height}-${i}.jpg`);
    const source = join(MEDIA, `${NAMES[i % NAMES.length]}.jpeg`);
    const picture = sharp(source).resize(width, height, { fit: 'cover' });
    await picture
      .modulate({ brightness: 1 + (i % 32) / 100 })
      .jpeg({ quality: 90 })
      .toFile(path);
    paths.push(path);
  }
  return writeList(folder, `${width}x${height}`, repeated(paths, count));
}

/** The three recordings of FreeBind's example, ten seconds each, at another rate, as WAV of 16 bits and one channel. */
export async function writeSounds(
  folder: string,
  { count, sampleRate }: { readonly count: number; readonly sampleRate: number },
): Promise<string> {
  const paths: string[] = [];
  for (let i = 0; i < Math.min(count, MOST_FILES); i++) {
    const path = join(folder, `${sampleRate}-${i}.wav`);
    const audio = await decodeAudio(await readFile(join(MEDIA, `${NAMES[i % NAMES.length]}.wav`)));
    const samples = new SincResampler(audio.sampleRate, sampleRate).resample(audio.channels[0] ?? new Float32Array(0));
    await writeFile(path, wavOf(samples.slice(i), sampleRate));
    paths.push(path);
  }
  return writeList(folder, String(sampleRate), repeated(paths, count));
}

/** `count` texts of the length of captions, out of this repository's documentation. */
export async function writeTexts(folder: string, count: number): Promise<string> {
  const text = await readFile(fileURLToPath(new URL('../../docs/concepts.md', import.meta.url)), 'utf8');
  const words = text.split(/[\s|`*#()[\]]+/).filter((word) => /^[A-Za-z]+[.,:;]?$/.test(word));
  const lines = Array.from({ length: count }, (_, i) => {
    const start = (i * 7) % (words.length - 20);
    return words.slice(start, start + 8 + (i % 9)).join(' ');
  });
  return writeList(folder, 'texts', lines);
}

/** The lines of such a file. */
export async function readList(path: string | undefined): Promise<readonly string[]> {
  return (await readFile(path ?? '', 'utf8')).trimEnd().split('\n');
}

function repeated(paths: readonly string[], count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => paths[i % paths.length] ?? '');
}

async function writeList(folder: string, name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, `${name}-${lines.length}.txt`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

function wavOf(samples: Float32Array, sampleRate: number): Buffer {
  const file = Buffer.alloc(44 + 2 * samples.length);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(1, 22); // channels
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(2 * sampleRate, 28); // bytes a second
  file.writeUInt16LE(2, 32); // bytes a sample
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, i) => {
    const whole = Math.round(32_768 * sample);
    file.writeInt16LE(Math.min(Math.max(whole, -32_768), 32_767), 44 + 2 * i);
  });
  return file;
}
