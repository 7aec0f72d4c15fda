import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { decodeImage } from '@freebind/media';
import * as fc from 'fast-check';
import { damaged, sizes } from '../damage.ts';
import type { Reader } from '../reader.ts';

/** Pixels that are decoded at most here, so that a decoded picture fits into what an input may allocate. */
const MOST_PIXELS = 20_000;

/** Pictures of 12 × 10 pixels, of every format: fixtures/media/make-pictures.mjs. */
const MEDIA = fileURLToPath(new URL('../../fixtures/media/', import.meta.url));
const small = readdirSync(MEDIA)
  .filter((name) => name.startsWith('dots.'))
  .sort()
  .map((name) => new Uint8Array(readFileSync(`${MEDIA}${name}`)));
const png = readFileSync(`${MEDIA}dots.png`);

/** A PNG whose head is right by its checksum and says anything. */
const heads = fc
  .record({
    width: sizes,
    height: sizes,
    depth: fc.constantFrom(8, 16, 1, 3),
    colour: fc.constantFrom(2, 0, 3, 4, 6, 5),
  })
  .map(({ width, height, depth, colour }) => {
    const file = Buffer.from(png);
    file.writeUInt32BE(width % 2 ** 32, 16);
    file.writeUInt32BE(height % 2 ** 32, 20);
    file.writeUInt8(depth, 24);
    file.writeUInt8(colour, 25);
    file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
    return new Uint8Array(file);
  });

/** Encoded pictures, decoded by libvips, which is native code. */
export const pictures: Reader = {
  name: 'picture',
  extension: 'bin',
  native: true,
  inputs: damaged(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...small) }, heads)),
  read: async (path) => {
    const { data, width, height } = await decodeImage(await readFile(path), { maxPixels: MOST_PIXELS });
    if (data.length !== width * height * 3) throw new Error(`${width} × ${height} pixels have ${data.length} bytes`);
  },
};
