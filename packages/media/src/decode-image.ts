import { FreebindError } from '@freebind/core';
import type { default as Sharp } from 'sharp';
import { checkBytes, checkSignal, MAX_PIXELS, type MediaLimits, unreadable } from './limits.ts';
import { opaqueGif } from './opaque-gif.ts';
import { sniffImage } from './sniff.ts';

/** A decoded picture: red, green and blue bytes of each pixel, row by row. */
export interface DecodedImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const HOW = { failOn: 'truncated', ignoreIcc: true } as const;

/** Loaded at the first picture of a thread, and kept: asking for a module again takes up to a millisecond where it goes through hooks. */
let loading: Promise<typeof Sharp> | undefined;

/**
 * Decodes JPEG, PNG, WebP, AVIF, GIF and TIFF (the first frame of an animation) to RGB as Pillow's `convert('RGB')` does and the
 * encoders' official code relies on: alpha is dropped and not blended, EXIF orientation and colour profiles are not applied.
 * JPEGs are decoded to the bit as by Pillow. Not as Pillow: CMYK (converted by libvips, Pillow inverts naively), 16 bits a
 * channel (the upper eight are kept), and what the first picture of a GIF leaves of its canvas (black; Pillow has a colour of the palette there).
 *
 * @throws FREEBIND_FILE_INVALID for bytes that are no such picture, are damaged or cut short, or have more than `maxPixels`
 * @throws FREEBIND_ARGUMENT_INVALID for what are no bytes; FREEBIND_ABORTED
 */
export async function decodeImage(bytes: Uint8Array, limits: MediaLimits = {}): Promise<DecodedImage> {
  const { maxPixels = MAX_PIXELS, signal } = limits;
  checkSignal(signal);
  checkBytes(bytes);
  const format = sniffImage(bytes);
  if (format === undefined) {
    throw unreadable(
      `These ${bytes.length} bytes begin as none of JPEG, PNG, WebP, AVIF, GIF and TIFF do. Convert the picture to one of them.`,
    );
  }
  const sharp = await (loading ??= import('sharp').then((module) => module.default));
  try {
    // The limit is held against the header, before anything is decoded.
    const { data, info } = await sharp(format === 'gif' ? opaqueGif(bytes) : bytes, {
      ...HOW,
      limitInputPixels: maxPixels,
    })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    checkSignal(signal);
    if (info.channels !== 3)
      throw unreadable(`The ${format} has ${info.channels} channels after decoding, expected 3.`);
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width: info.width, height: info.height };
  } catch (error) {
    if (error instanceof FreebindError) throw error;
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    if (/pixel limit/.test(reason)) {
      const { width, height } = await sharp(bytes, { ...HOW, limitInputPixels: false }).metadata();
      throw unreadable(
        `The picture has ${width} × ${height} pixels, more than the limit of ${maxPixels}. Shrink it, or decode it in a program with a higher limit (\`maxPixels\`).`,
      );
    }
    throw unreadable(
      `The ${format} could not be decoded (${reason}): it is damaged or cut short. Get it again from its source.`,
      error,
    );
  }
}
