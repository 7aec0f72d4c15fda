import {
  centreSquare,
  CLIP_MEAN,
  CLIP_STD,
  IMAGENET_MEAN,
  IMAGENET_STD,
  type Pixels,
  type Rgb,
  shortSide,
  toPlanes,
} from './pixels.ts';
import { resizeBicubic } from './resize-bicubic.ts';

/** How an image encoder is given a picture: resized by its shorter side, cut to the square in the middle, normalised. */
export interface SquareInput {
  /** Pixels of each side of what the encoder sees. */
  readonly side: number;
  /** Where the square begins when the margin is odd: see `centreSquare`. */
  readonly rounding: 'half-even' | 'floor';
  readonly mean: Rgb;
  readonly deviation: Rgb;
}

/** ImageBind's (`imagebind/data.py`, `load_and_transform_vision_data`). */
export const IMAGEBIND_IMAGE: SquareInput = { side: 224, rounding: 'half-even', mean: CLIP_MEAN, deviation: CLIP_STD };
/** InternVL-C's (`preprocessor_config.json` of OpenGVLab/InternVL-14B-224px, read by CLIP's processor of transformers). */
export const INTERNVL_IMAGE: SquareInput = {
  side: 224,
  rounding: 'floor',
  mean: IMAGENET_MEAN,
  deviation: IMAGENET_STD,
};

/** The bytes that an image encoder sees of a picture: [3, side, side]. @throws FREEBIND_SHAPE_MISMATCH for pixels that are no picture */
export function squareBytes(pixels: Pixels, { side, rounding }: SquareInput): Uint8Array {
  const { width, height } = shortSide(pixels.width, pixels.height, side);
  const square = centreSquare(width, height, side, rounding);
  return toPlanes(resizeBicubic(pixels, width, height, square));
}

/**
 * What each byte x of each channel is to it: (x / 255 − mean) / deviation, [3, 256], float32. Each of the three operations is rounded to
 * float32, as torchvision's `ToTensor` and `Normalize`.
 */
export function squareLevels({ mean, deviation }: SquareInput): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, i) => {
    const [channel, x] = [Math.floor(i / 256), i % 256];
    const [m, s] = [Math.fround(mean[channel] ?? 0), Math.fround(deviation[channel] ?? 1)];
    return Math.fround(Math.fround(x / 255) - m) / s;
  });
}
