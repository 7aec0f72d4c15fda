import { readFile } from 'node:fs/promises';
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis';
import { expect, test, vi } from 'vitest';
import { decodeAudio } from '../src/index.ts';
import { readOggLinks } from './parsers.ts';

const fixture = (name: string): Promise<Buffer> =>
  readFile(new URL(`../../../fixtures/media/tone.${name}`, import.meta.url));

/** A file whose one page with sound is several, of one packet each; each but the last ends `samples` behind the one before. */
function inPages(file: Buffer, samples: number): Buffer {
  const pages = (readOggLinks(file)[0] ?? []).map(({ bytes }) => Buffer.from(bytes));
  const page = pages.pop() ?? Buffer.alloc(27);
  const table = page.subarray(27, 27 + page.readUInt8(26));
  const ends = [...table.keys()].filter((i) => (table[i] ?? 0) < 255);
  let [from, at] = [0, 27 + table.length];
  ends.forEach((end, packet) => {
    const laces = table.subarray(from, end + 1);
    const length = laces.reduce((sum, lace) => sum + lace, 0);
    const head = Buffer.from(page.subarray(0, 27));
    head.writeUInt8(laces.length, 26);
    head.writeUInt32LE(head.readUInt32LE(18) + packet, 18);
    if (end !== ends.at(-1)) {
      head.writeUInt8(0, 5);
      head.writeBigInt64LE(BigInt(samples * (packet + 1)), 6);
    }
    pages.push(Buffer.concat([head, laces, page.subarray(at, at + length)]));
    [from, at] = [end + 1, at + length];
  });
  return Buffer.concat(pages);
}

test('Opus of many pages is the sound of one page, to the bit', async () => {
  const file = await fixture('opus');
  expect(await decodeAudio(inPages(file, 960))).toEqual(await decodeAudio(file));
});

test('Opus that begins at any position is the same sound', async () => {
  const [file, far] = [await fixture('opus'), 2n ** 40n];
  const pages = inPages(file, 960);
  for (const { bytes, position } of readOggLinks(pages)[0] ?? [])
    if (position > 0) pages.writeBigInt64LE(BigInt(position) + far, bytes.byteOffset - pages.byteOffset + 6);
  expect(await decodeAudio(pages)).toEqual(await decodeAudio(file));
});

test('Vorbis of many pages is the sound of one page', async () => {
  const file = await fixture('ogg');
  const { channels } = await decodeAudio(file);
  const paged = await decodeAudio(inPages(file, 1));
  // The positions that are made up here do not say where it ends.
  expect(paged.channels.map((channel) => channel.subarray(0, 3500))).toEqual(
    channels.map((channel) => channel.subarray(0, 3500)),
  );
});

test('Vorbis is given to its decoder in pieces that have sound', async () => {
  const file = await fixture('ogg');
  const decoded = [vi.spyOn(OggVorbisDecoder.prototype, 'decode'), vi.spyOn(OggVorbisDecoder.prototype, 'decodeFile')];
  for (const bytes of [file, inPages(file, 1)]) await decodeAudio(bytes);
  const pieces = await Promise.all(decoded.flatMap(({ mock }) => mock.results.map(({ value }) => value)));
  for (const spy of decoded) spy.mockRestore();
  expect(pieces.length).toBeGreaterThan(2);
  for (const { channelData } of pieces) expect(channelData).toHaveLength(2);
});
