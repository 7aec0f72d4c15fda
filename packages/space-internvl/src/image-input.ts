import { decodeImage } from '@freebind/media';
import { centreSquare, IMAGENET_MEAN, IMAGENET_STD, resizeBicubic, shortSide, toPlanes } from '@freebind/preprocess';

/** Side of what the image encoder sees (`preprocessor_config.json`, `crop_size`). */
const SIDE = 224;

/** An encoded picture as CLIP's processor of transformers prepares it with InternVL-C's settings: [3, 224, 224]. @throws what `decodeImage` throws */
export async function imagePlanes(bytes: Uint8Array, signal?: AbortSignal): Promise<Float32Array> {
  const pixels = await decodeImage(bytes, signal === undefined ? {} : { signal });
  const { width, height } = shortSide(pixels.width, pixels.height, SIDE);
  const square = centreSquare(width, height, SIDE, 'floor');
  return toPlanes(resizeBicubic(pixels, width, height, square), IMAGENET_MEAN, IMAGENET_STD);
}
