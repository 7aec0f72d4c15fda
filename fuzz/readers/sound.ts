import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type AudioFormat, decodeAudio, sniffAudio, sniffImage } from '@freebind/media';
import * as fc from 'fast-check';
import {
  countPackets,
  flacFrames,
  heardSamples,
  indexFirst,
  readFlacHead,
  readMp3Head,
  readOggLinks,
} from '../../packages/media/test/parsers.ts';
import { damaged, sizes } from '../damage.ts';
import { join } from '../protobuf.ts';
import type { Reader } from '../reader.ts';

const MEDIA = fileURLToPath(new URL('../../fixtures/media/', import.meta.url));
/** The beginnings of real files of every format, short enough for a million of them. */
const real = readdirSync(MEDIA)
  .filter((name) => name.startsWith('tone.'))
  .sort()
  .map((name) => new Uint8Array(readFileSync(`${MEDIA}${name}`)).slice(0, 3000));

const latin = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const uint = (bytes: 2 | 4 | 8, value: number, little: boolean): Uint8Array => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(8 * bytes, BigInt(Math.trunc(Number.isFinite(value) ? value : 0))), little);
  return new Uint8Array(view.buffer).slice(little ? 0 : 8 - bytes, little ? bytes : 8);
};
/** In most cases undefined: what is true. */
const lie = fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, sizes);

const format = fc
  .record({
    tag: fc.constantFrom(1, 1, 3, 6, 7, 0xfffe, 85),
    channels: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 8 }) }, sizes),
    rate: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(7, 16_000, 44_100, 384_000) }, sizes),
    width: fc.constantFrom(1, 2, 3, 4, 8, 5, 0),
    frame: lie,
    more: fc.uint8Array({ maxLength: 24 }),
  })
  .map(({ tag, channels, rate, width, frame, more }) =>
    join([
      uint(2, tag, true),
      uint(2, channels, true),
      uint(4, rate, true),
      uint(4, 0, true),
      uint(2, frame ?? channels * width, true),
      uint(2, 8 * width, true),
      more,
    ]),
  );
const chunk = fc
  .record({
    id: fc.constantFrom('fmt ', 'data', 'ds64', 'LIST', 'fact'),
    body: fc.uint8Array({ maxLength: 60 }),
    size: lie,
  })
  .map(({ id, body, size }) => join([latin(id), uint(4, size ?? body.length, true), body]));
const waves = fc
  .record({
    head: fc.constantFrom('RIFF', 'RF64'),
    format,
    before: fc.array(chunk, { maxLength: 2 }),
    samples: fc.uint8Array({ maxLength: 200 }),
    size: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.constantFrom(0, 0xffffffff), sizes),
  })
  .map(({ head, format, before, samples, size }) =>
    join([
      latin(`${head}\0\0\0\0WAVEfmt `),
      uint(4, format.length, true),
      format,
      ...before,
      latin('data'),
      uint(4, size ?? samples.length, true),
      samples,
    ]),
  );

const { boxes } = fc.letrec<{ boxes: Uint8Array; box: Uint8Array }>((tie) => ({
  box: fc
    .record({
      type: fc.constantFrom(
        'moov',
        'mdat',
        'trak',
        'mdia',
        'minf',
        'stbl',
        'stco',
        'co64',
        'edts',
        'elst',
        'mvhd',
        'free',
      ),
      body: fc.oneof({ depthSize: 'small' }, fc.uint8Array({ maxLength: 40 }), tie('boxes')),
      size: lie,
    })
    .map(({ type, body, size }) => join([uint(4, size ?? body.length + 8, false), latin(type), body])),
  boxes: fc.array(tie('box'), { maxLength: 5 }).map(join),
}));
/** As deep as a file can be: each box is all that is in the one before it. */
const deep = fc.integer({ min: 1, max: 1500 }).map((depth) => {
  const traks = Array.from({ length: depth }, (_, i) => join([uint(4, 8 * (depth - i), false), latin('trak')]));
  return join([latin('\0\0\0\x08mdat'), uint(4, 8 * (depth + 1), false), latin('moov'), ...traks]);
});
const mp4 = fc
  .oneof({ weight: 5, arbitrary: boxes }, deep)
  .map((body) => join([latin('\0\0\0\x10ftypM4A \0\0\0\0'), body]));
const ogg = fc
  .record({
    head: fc.constantFrom('OpusHead', '\x01vorbis', 'Speex'),
    body: fc.uint8Array({ maxLength: 60 }),
    segments: fc.nat(255),
  })
  .map(({ head, body, segments }) =>
    join([
      latin('OggS'),
      new Uint8Array(22),
      uint(2, segments, true).slice(0, 1),
      new Uint8Array(segments % 4),
      latin(head),
      body,
      latin('OggS'),
      body,
    ]),
  );

/**
 * What freebind itself reads of media: their first bytes, WAV, the boxes of MP4, the pages of Ogg, FLAC's frames, MP3's headers. What the
 * decoders of these make of them is `compressed-sound.ts`.
 */
export const sound: Reader = {
  name: 'sound',
  extension: 'bin',
  inputs: damaged(
    fc.oneof(
      { weight: 4, arbitrary: waves },
      { weight: 2, arbitrary: mp4 },
      ogg,
      fc.constantFrom(...real),
      fc.uint8Array(),
    ),
  ),
  read: async (path) => {
    const bytes = await readFile(path);
    sniffImage(bytes);
    const format = sniffAudio(bytes);
    if (format === undefined || format === 'wav') return decodeAudio(bytes);
    return PARSERS[format](bytes);
  },
};

const PARSERS: Readonly<Record<Exclude<AudioFormat, 'wav'>, (bytes: Buffer) => unknown>> = {
  flac: (bytes) => [...flacFrames(readFlacHead(bytes).frames)],
  mp3: readMp3Head,
  vorbis: readOggLinks,
  opus: readOggLinks,
  m4a: (bytes) => {
    if (indexFirst(bytes).length !== bytes.length) throw new Error('An MP4 file changed its length.');
    heardSamples(bytes, 44_100);
    return countPackets(bytes);
  },
};
