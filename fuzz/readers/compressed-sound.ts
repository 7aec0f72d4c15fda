import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { decodeAudio } from '@freebind/media';
import * as fc from 'fast-check';
import { endFrame, flacHead } from '../../packages/media/test/flac-file.ts';
import { readFlacHead, readOggLinks } from '../../packages/media/test/parsers.ts';
import { damaged, sizes } from '../damage.ts';
import { join } from '../protobuf.ts';
import type { Reader } from '../reader.ts';

/** Seconds that are decoded at most here: twice as many as the sounds of fixtures/media have. */
const MOST_SECONDS = 0.5;
/**
 * What decoding may allocate beside the file: an instance of WebAssembly takes 16 to 28 MiB, and an Ogg file one for each stream of those
 * behind each other, of which there are three at most here.
 */
const DECODER_BYTES = 96 * 2 ** 20;

const tone = (ending: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../fixtures/media/tone.${ending}`, import.meta.url))));

/** A piece of a file, in most cases as it is, else with some of its bytes changed from a place on. */
const changed = (pieces: fc.Arbitrary<Uint8Array>, from = 0): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      pieces,
      fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      ),
    )
    .map(([piece, changes]) => {
      const other = Uint8Array.from(piece);
      for (const [place, byte] of changes)
        if (other.length > from) other[from + (place % (other.length - from))] = byte;
      return other;
    });

/** In most cases undefined: what is true. */
const lie = fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, sizes);

const toneFlac = tone('flac');
/** The frames of tone.flac begin alike. */
const flacFrames = split(readFlacHead(toneFlac).frames, 4).map((frame) => frame.slice(0, -2));
/** Any header that is right by its checksum, and any bytes behind it. */
const anyFrame = fc
  .record({
    sizes: fc.integer({ min: 0x10, max: 0xff }),
    layout: fc.nat(255),
    number: fc.nat(127),
    more: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    body: fc.uint8Array({ maxLength: 60 }),
  })
  .map(({ sizes: size, layout, number, more, body }) => endFrame([0xff, 0xf8, size, layout, number, ...more], body));
const flacs = fc
  .record({
    says: fc.oneof({ weight: 2, arbitrary: fc.constantFrom(4000, 0) }, sizes),
    sampleRate: fc.constantFrom(16_000, 655_350, 10),
    channels: fc.integer({ min: 1, max: 8 }),
    frames: fc.array(
      fc.oneof(
        { weight: 3, arbitrary: changed(fc.constantFrom(...flacFrames), 6).map((frame) => endFrame([], frame)) },
        anyFrame,
      ),
      { maxLength: 6 },
    ),
  })
  .map(({ frames, ...head }) => join([flacHead(head), ...frames]));

const toneMp3 = tone('mp3').slice(20);
const mp3Frames = Array.from({ length: 10 }, (_, i) => toneMp3.slice(432 * i, 432 * (i + 1)));
const mp3s = fc
  .array(fc.oneof({ weight: 8, arbitrary: changed(fc.constantFrom(...mp3Frames)) }, fc.uint8Array({ maxLength: 40 })), {
    maxLength: 14,
  })
  .map(join);

/** Pages of a file that are left out, doubled, moved and changed, with positions and flags that lie. */
function pages(ending: string): fc.Arbitrary<Uint8Array> {
  const whole = readOggLinks(tone(ending)).flatMap((link) => link.map(({ bytes }) => bytes));
  const page = fc
    .record({ page: fc.nat(whole.length - 1), position: lie, flags: fc.option(fc.nat(7), { freq: 5, nil: undefined }) })
    .map(({ page: i, position, flags }) => {
      const other = Uint8Array.from(whole[i] ?? []);
      const view = new DataView(other.buffer);
      if (position !== undefined) view.setBigUint64(6, BigInt.asUintN(64, BigInt(Math.trunc(position))), true);
      if (flags !== undefined) view.setUint8(5, flags);
      return other;
    });
  const inOrder = fc.tuple(...whole.map((bytes) => changed(fc.constant(bytes), 27)));
  return fc.oneof(
    { weight: 2, arbitrary: inOrder.map(join) },
    fc.tuple(inOrder, fc.array(changed(page), { maxLength: 4 })).map(([first, more]) => join([...first, ...more])),
    fc.array(changed(page), { maxLength: 6 }).map((all) => join([whole[0] ?? new Uint8Array(0), ...all])),
  );
}

/** A format that is decoded by WebAssembly of others: whole files that were damaged, and files of right and wrong parts. */
function compressed(name: string, ending: string, parts: fc.Arbitrary<Uint8Array>): Reader {
  return {
    name,
    extension: 'bin',
    batch: 200,
    fixedBytes: DECODER_BYTES,
    inputs: damaged(fc.oneof(fc.constant(tone(ending)), { weight: 2, arbitrary: parts })),
    read: async (path) => {
      const bytes = await readFile(path);
      const { channels, sampleRate } = await quietly(() => decodeAudio(bytes, { maxSeconds: MOST_SECONDS }));
      const samples = channels[0]?.length ?? 0;
      if (samples > MOST_SECONDS * sampleRate || channels.some(({ length }) => length !== samples))
        throw new Error(`${channels.map(({ length }) => length).join()} samples at ${sampleRate} Hz`);
    },
  };
}

/** The decoders write on the console what they also give as an error. */
async function quietly<Result>(work: () => Promise<Result>): Promise<Result> {
  const { error } = console;
  console.error = () => undefined;
  try {
    return await work();
  } finally {
    console.error = error;
  }
}

/** Parts of a file that each begin with its first `length` bytes. */
function split(file: Uint8Array, length: number): readonly Uint8Array[] {
  const [bytes, parts] = [Buffer.from(file), [] as Uint8Array[]];
  const mark = bytes.subarray(0, length);
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(mark, at + 1);
    parts.push(file.slice(at, next < 0 ? bytes.length : next));
    at = next < 0 ? bytes.length : next;
  }
  return parts;
}

export const flac = compressed('flac', 'flac', flacs);
export const mp3 = compressed('mp3', 'mp3', mp3s);
export const vorbis = compressed('vorbis', 'ogg', pages('ogg'));
export const opus = compressed('opus', 'opus', pages('opus'));
