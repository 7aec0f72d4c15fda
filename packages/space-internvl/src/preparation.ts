// What threads do for InternVL-C.
import { decodeImage } from '@freebind/media';
import { INTERNVL_IMAGE, squareBytes } from '@freebind/preprocess';

/** The bytes of an encoded picture as CLIP's processor of transformers prepares it with InternVL-C's settings: [3, 224, 224]. @throws what `decodeImage` throws */
export async function image(bytes: Uint8Array): Promise<Uint8Array> {
  return squareBytes(await decodeImage(bytes), INTERNVL_IMAGE);
}
