import { decodeImage } from '@freebind/media';
import { centreSquare, CLIP_MEAN, CLIP_STD, resizeBicubic, shortSide, toPlanes } from '@freebind/preprocess';

/** Side of what the image encoder sees (ImageBind `imagebind/data.py`, `load_and_transform_vision_data`). */
const SIDE = 224;

/** An encoded picture as ImageBind's official code prepares it: [3, 224, 224]. @throws what `decodeImage` throws */
export async function imagePlanes(bytes: Uint8Array, signal?: AbortSignal): Promise<Float32Array> {
  const pixels = await decodeImage(bytes, signal === undefined ? {} : { signal });
  const { width, height } = shortSide(pixels.width, pixels.height, SIDE);
  const square = centreSquare(width, height, SIDE, 'half-even');
  return toPlanes(resizeBicubic(pixels, width, height, square), CLIP_MEAN, CLIP_STD);
}
