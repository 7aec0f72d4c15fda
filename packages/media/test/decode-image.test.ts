import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage, readImage } from '../src/index.ts';
import { outcomeOf, READ_OR_NAMED } from './outcome.ts';

const [WIDTH, HEIGHT] = [48, 32];
/** A picture whose pixels are all different, smooth enough for lossy formats. */
const pixels = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
  const [x, y, c] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH), i % 3];
  return c === 0 ? x * 5 : c === 1 ? y * 7 : 255 - x * 2 - y * 3;
});
const picture = () => sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
const jpeg = await picture().jpeg({ quality: 95 }).toBuffer();
const png = await picture().png().toBuffer();

/** A square of one colour. */
const solid = (background: string) =>
  sharp({ create: { width: 8, height: 8, channels: 3, background } })
    .png()
    .toBuffer();

const worst = (data: Uint8Array): number =>
  data.reduce((max, value, i) => Math.max(max, Math.abs(value - (pixels[i] ?? 999))), 0);

describe('decodes', () => {
  test.for([
    ['PNG', picture().png()],
    ['lossless WebP', picture().webp({ lossless: true })],
    ['lossless AVIF', picture().avif({ lossless: true, chromaSubsampling: '4:4:4' })],
    ['TIFF', picture().tiff({ compression: 'lzw' })],
  ] as const)('%s', async ([name, encoder]) => {
    const { data, width, height } = await decodeImage(await encoder.toBuffer());
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
    // AVIF's YCbCr of 8 bits cannot hold all of RGB: one conversion there and one back, each rounded.
    expect(worst(data)).toBeLessThanOrEqual(name === 'lossless AVIF' ? 3 : 0);
  });

  // 8 × 8 DCT at quality 95 steps by up to 2 to 10 in its coefficients; far more than 16 grey levels would be another picture.
  test.for([
    ['JPEG', picture().jpeg({ quality: 95 })],
    ['lossy WebP', picture().webp({ quality: 95 })],
    ['progressive JPEG', picture().jpeg({ quality: 95, progressive: true })],
  ] as const)('%s', async ([, encoder]) => {
    expect(worst((await decodeImage(await encoder.toBuffer())).data)).toBeLessThan(16);
  });

  test('the first frame of an animation', async () => {
    const frames = [await solid('red'), await solid('blue')];
    const two = sharp(frames, { join: { animated: true } });
    for (const animation of [two.clone().gif(), two.clone().webp({ lossless: true })]) {
      const { data, width, height } = await decodeImage(await animation.toBuffer());
      expect([width, height]).toEqual([8, 8]);
      expect([...data.subarray(0, 3)]).toEqual([255, 0, 0]);
    }
  });

  test('transparent pixels with their own colour, as Pillow drops alpha', async () => {
    const half = await sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 200, g: 100, b: 50, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    expect([...(await decodeImage(half)).data.subarray(0, 3)]).toEqual([200, 100, 50]);
  });

  test('the transparent colour of a GIF, as Pillow does', async () => {
    // Pillow 9.4: four pixels of a palette, saved with `transparency=1, comment=b'hello'`; `convert('RGB')` gives these colours.
    const gif = Buffer.from(
      'R0lGODlhBAABAIEAAAoUHshkMgD/AP8A/yH+BWhlbGxvACH5BAEAAAEALAAAAAAEAAEAAAgHAAEEEDAgIAA7',
      'base64',
    );
    const before = Buffer.from(gif);
    expect([...(await decodeImage(gif)).data]).toEqual([10, 20, 30, 200, 100, 50, 0, 255, 0, 255, 0, 255]);
    expect(gif.equals(before)).toBe(true);
  });

  test('grey and palette pictures to three channels', async () => {
    const grey = await sharp(Uint8Array.of(10, 200), { raw: { width: 2, height: 1, channels: 1 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(grey)).data]).toEqual([10, 10, 10, 200, 200, 200]);
    const few = await sharp(Uint8Array.of(1, 2, 3, 4, 5, 6), { raw: { width: 2, height: 1, channels: 3 } })
      .png({ palette: true })
      .toBuffer();
    expect([...(await decodeImage(few)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('as stored and not as EXIF turns it, as the official code', async () => {
    const turned = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    expect((await sharp(turned).metadata()).orientation).toBe(6);
    const { data, width, height } = await decodeImage(turned);
    expect([width, height, worst(data)]).toEqual([WIDTH, HEIGHT, 0]);
  });
});

/** A PNG that says it is huge and has a few bytes of pixels. */
function bomb(width: number, height: number): Uint8Array {
  const file = Buffer.from(png);
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
  return file;
}

describe('refuses', () => {
  test.for([
    ['nothing', new Uint8Array(0), 'begin as none of'],
    ['three bytes', jpeg.subarray(0, 3), 'could not be decoded'],
    ['a JPEG that is cut short', jpeg.subarray(0, jpeg.length / 2), 'could not be decoded'],
    ['a PNG that is cut short', png.subarray(0, png.length / 2), 'could not be decoded'],
    ['a PNG with pixels that were overwritten', Buffer.from(png).fill(7, 60, 200), 'could not be decoded'],
    ['a sound that is called a picture', Buffer.from('RIFF\0\0\0\0WAVE'), 'begin as none of'],
    ['a page of text', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'begin as none of'],
    ['a decompression bomb', bomb(60_000, 60_000), '60000 × 60000 pixels, more than the limit'],
  ] as const)('%s', async ([, bytes, message]) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('what is larger than its user allows', async () => {
    await expect(decodeImage(png, { maxPixels: 1000 })).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringMatching(/has \d+ × \d+ pixels, more than the limit of 1000/) as string,
    });
    await expect(readImage(png, { maxBytes: 10 })).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  });

  test('to begin after its signal', async () => {
    await expect(decodeImage(png, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
  });
});

test('reads a picture by its bytes and not by its name', async () => {
  // A PNG that is called a JPEG: no name is asked.
  expect((await decodeImage((await readImage(png)).bytes)).width).toBe(WIDTH);
});

test('bytes that were changed anywhere give a picture or a named error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(jpeg, png),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (file, changes) => {
        const bad = Buffer.from(file);
        for (const [at, byte] of changes) bad[at % bad.length] = byte;
        expect(await outcomeOf(decodeImage(bad))).toMatch(READ_OR_NAMED);
      },
    ),
    { numRuns: 300 },
  );
});
