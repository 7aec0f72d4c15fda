import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { decodeAudio } from '../src/index.ts';
import { silentFlac } from './flac-file.ts';
import { indexFirst } from './parsers.ts';

const fixture = (name: string): Promise<Buffer> =>
  readFile(new URL(`../../../fixtures/media/tone.${name}`, import.meta.url));
const lengthOf = async (bytes: Uint8Array): Promise<number | undefined> =>
  (await decodeAudio(bytes)).channels[0]?.length;
const refused = (message: RegExp) => ({
  code: 'FREEBIND_FILE_INVALID',
  message: expect.stringMatching(message),
});

/** The frames of tone.mp3, all of 432 bytes behind a tag of 20; the first counts the others. */
async function mp3Frames(): Promise<readonly Buffer[]> {
  const file = await fixture('mp3');
  return Array.from({ length: 10 }, (_, i) => file.subarray(20 + 432 * i, 20 + 432 * (i + 1)));
}

/** tone.mp3 with a first frame as Fraunhofer's encoder writes it. */
async function vbri(): Promise<Buffer> {
  const [told = Buffer.alloc(432), ...frames] = await mp3Frames();
  const first = Buffer.alloc(432);
  first.set(told.subarray(0, 4));
  first.write('VBRI', 36, 'latin1');
  first.writeUInt32BE(4320, 36 + 10);
  first.writeUInt32BE(9, 36 + 14);
  return Buffer.concat([first, ...frames]);
}

/** Where the last frame of tone.flac begins. */
const lastFrame = (file: Buffer): number => file.lastIndexOf(Buffer.from([0xff, 0xf8]));

/** Where the pages of an Ogg file begin. */
function pagesOf(file: Buffer): readonly number[] {
  const pages: number[] = [];
  for (let at = file.indexOf('OggS'); at >= 0; at = file.indexOf('OggS', at + 1)) pages.push(at);
  return pages;
}

describe('a sound that was cut short', () => {
  test.for(['flac', 'mp3', 'id3.mp3', 'ogg', 'opus', 'm4a'])('%s is refused, wherever it ends', async (name) => {
    const file = await fixture(name);
    for (const share of [0.97, 0.8, 0.5, 0.2, 0.02])
      await expect(decodeAudio(file.subarray(0, share * file.length))).rejects.toMatchObject(refused(/./));
    await expect(decodeAudio(file.subarray(0, -1))).rejects.toMatchObject(refused(/cut short|moov/));
  });

  test.for(['flac', 'mp3', 'ogg', 'opus', 'm4a'])('%s is refused where it was overwritten to its end', async (name) => {
    await expect(decodeAudio((await fixture(name)).fill(0x55, 100))).rejects.toMatchObject(refused(/./));
  });

  test('FLAC that ends between two frames is refused by its length, and a shorter sound where that is not known', async () => {
    const file = await fixture('flac');
    const end = lastFrame(file);
    await expect(decodeAudio(file.subarray(0, end))).rejects.toMatchObject(refused(/has 3456 of the 4000 samples/));
    file.fill(0, 22, 26);
    expect(await lengthOf(file)).toBe(4000);
    expect(await lengthOf(file.subarray(0, end))).toBe(3456);
  });

  test('FLAC is refused where it ends within a frame, and where one is damaged, though its length is not known', async () => {
    const file = await fixture('flac');
    file.fill(0, 22, 26);
    await expect(decodeAudio(file.subarray(0, -100))).rejects.toMatchObject(refused(/frame without its end/));
    file.writeUInt8(file.readUInt8(9900) ^ 1, 9900);
    await expect(decodeAudio(file)).rejects.toMatchObject(refused(/damaged/));
  });

  test('MP3 is refused by Xing’s count and by VBRI’s, to the frame', async () => {
    for (const file of [(await fixture('mp3')).subarray(20), await vbri()]) {
      expect(await lengthOf(file)).toBeGreaterThanOrEqual(4000);
      await expect(decodeAudio(file.subarray(0, -432))).rejects.toMatchObject(refused(/before the last frame/));
    }
  });

  test('MP3 without a count is a shorter sound', async () => {
    const frames = (await mp3Frames()).slice(1);
    const [all = 0, fewer = 0] = [
      await lengthOf(Buffer.concat(frames)),
      await lengthOf(Buffer.concat(frames.slice(0, 7))),
    ];
    expect(all - fewer).toBe(2 * 576);
  });

  test('Ogg that ends between two pages is a shorter sound, for it may be a recording that was stopped', async () => {
    for (const name of ['ogg', 'opus']) {
      const file = await fixture(name);
      const length = await lengthOf(file);
      const twice = Buffer.concat([file, file]);
      const [, , last = 0] = pagesOf(file);
      // Without the flag of a last page, which would end the sound within its last packet.
      file.writeUInt8(0, last + 5);
      expect(await lengthOf(file)).toBeGreaterThanOrEqual(length ?? 0);
      expect(await lengthOf(twice.subarray(0, file.length))).toBe(length);
    }
  });

  test('Opus that ends in what is skipped in front has no samples', async () => {
    const file = await fixture('opus');
    file.writeBigInt64LE(5n, file.lastIndexOf('OggS') + 6);
    await expect(decodeAudio(file)).rejects.toMatchObject(refused(/no samples/));
  });

  test('M4A with its index in front is refused when packets are missing', async () => {
    const file = indexFirst(await fixture('m4a'));
    expect(await lengthOf(file)).toBe(4000);
    await expect(decodeAudio(file.subarray(0, file.length / 2))).rejects.toMatchObject(refused(/cut short/));
  });
});

describe('a sound that is whole', () => {
  test.for([
    ['flac', 4000],
    ['mp3', 4000],
    ['ogg', 4000],
    ['opus', 12_000],
  ] as const)('%s is read in front of an ID3v1 tag', async ([name, length]) => {
    const tag = Buffer.alloc(128);
    tag.write('TAG');
    expect(await lengthOf(Buffer.concat([await fixture(name), tag]))).toBe(length);
  });

  test('MP3 is read where its first frame counts itself', async () => {
    const file = await fixture('mp3');
    const count = file.indexOf('Info') + 8;
    file.writeUInt32BE(file.readUInt32BE(count) + 1, count);
    expect(await lengthOf(file)).toBeGreaterThanOrEqual(3424);
  });

  test.for([
    ['ogg', 4000],
    ['opus', 12_000],
  ] as const)('%s is read with a stream behind it, and with one beside it', async ([name, length]) => {
    const file = await fixture(name);
    expect(await lengthOf(Buffer.concat([file, file]))).toBe(2 * length);
    const [, second = 0] = pagesOf(file);
    const other = Buffer.alloc(35);
    other.write('OggS\0\x02', 0, 'latin1');
    other.write('another', 14, 'latin1');
    other.write('\x01\x07fishead', 26, 'latin1');
    expect(await lengthOf(Buffer.concat([file.subarray(0, second), other, file.subarray(second)]))).toBe(length);
  });

  test('FLAC is read with a picture in front that looks like frames', async () => {
    const file = await fixture('flac');
    const frame = silentFlac({ samples: 1 }).subarray(42);
    const picture = Buffer.concat([Buffer.from([6, 0, 0, 2 * frame.length]), frame, frame]);
    // Behind STREAMINFO, which is not the last block.
    expect(await lengthOf(Buffer.concat([file.subarray(0, 42), picture, file.subarray(42)]))).toBe(4000);
  });
});
