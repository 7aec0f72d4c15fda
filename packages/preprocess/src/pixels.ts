import { FreebindError } from '@freebind/core';
import { kernelsFor } from './kernels.ts';

/** A picture: red, green and blue bytes of each pixel, row by row: [height, width, 3]. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A part of a picture, in pixels. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Mean or standard deviation of red, green and blue, of pixels in [0, 1]. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** CLIP's channel means and deviations (openai/CLIP `clip/clip.py`, `_transform`; ImageBind `imagebind/data.py`). */
export const CLIP_MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073];
export const CLIP_STD: Rgb = [0.26862954, 0.26130258, 0.27577711];
/** ImageNet's (torchvision's reference; InternVL-C `preprocessor_config.json`). */
export const IMAGENET_MEAN: Rgb = [0.485, 0.456, 0.406];
export const IMAGENET_STD: Rgb = [0.229, 0.224, 0.225];

/** @throws FREEBIND_SHAPE_MISMATCH unless there are three bytes a pixel and at least one pixel */
export function checkPixels({ data, width, height }: Pixels): void {
  const whole = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0;
  if (whole && data.length === width * height * 3) return;
  throw new FreebindError(
    'FREEBIND_SHAPE_MISMATCH',
    `A picture of ${width} × ${height} pixels has ${data.length} bytes, expected ${whole ? width * height * 3 : 'sides of at least 1'}: red, green and blue of every pixel. Decode it to RGB without alpha.`,
  );
}

/** The size at which the shorter side is `side`; the longer one is truncated to whole pixels, as torchvision's `Resize` and CLIP's processor do. */
export function shortSide(
  width: number,
  height: number,
  side: number,
): { readonly width: number; readonly height: number } {
  return width <= height
    ? { width: side, height: Math.floor((side * height) / width) }
    : { width: Math.floor((side * width) / height), height: side };
}

/**
 * The square of `side` pixels in the middle. Where the margin is odd, `half-even` rounds as Python's `round` (torchvision's
 * `CenterCrop`, ImageBind) and `floor` cuts (CLIP's processor in transformers, InternVL-C).
 */
export function centreSquare(width: number, height: number, side: number, rounding: 'half-even' | 'floor'): Region {
  const offset = (length: number): number => {
    const half = (length - side) / 2;
    return rounding === 'floor' || Number.isInteger(half) ? Math.floor(half) : 2 * Math.round(half / 2);
  };
  return { left: offset(width), top: offset(height), width: side, height: side };
}

/** Bytes channel by channel: [3, height, width]. */
export function toPlanes({ data, width, height }: Pixels): Uint8Array {
  checkPixels({ data, width, height });
  const area = width * height;
  // What the kernel takes at a time are 16 pixels.
  const { kernels, at } = kernelsFor([3 * 16 * Math.ceil(area / 16), area, area, area]);
  const [source, ...places] = at;
  const memory = new Uint8Array(kernels.memory.buffer);
  memory.set(data, source);
  kernels.planes(source, area, ...places);
  const planes = new Uint8Array(3 * area);
  places.forEach((place, c) => planes.set(memory.subarray(place, place + area), c * area));
  return planes;
}
