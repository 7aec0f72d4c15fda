// What threads do for ImageBind: everything between a file's bytes, or its samples, and its encoders.
import type { ModalityInputs } from '@freebind/core';
import { decodeImage } from '@freebind/media';
import { IMAGEBIND_IMAGE, ImagebindAudio, squareBytes } from '@freebind/preprocess';

/** The thread's filter bank and the last rate's filter. */
const sounds = new ImagebindAudio();

/** The bytes of an encoded picture as ImageBind's official code prepares it: [3, 224, 224]. @throws what `decodeImage` throws */
export async function image(bytes: Uint8Array): Promise<Uint8Array> {
  return squareBytes(await decodeImage(bytes), IMAGEBIND_IMAGE);
}

/** A sound as three clips: [3, 1, 128, 204]. @throws what `ImagebindAudio` throws */
export function audio(sound: ModalityInputs['audio']): Float32Array {
  return sounds.of(sound);
}
