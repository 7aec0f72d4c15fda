// What threads do for a space made by configuration: everything between a file's bytes, or its samples, and its encoders.
import type { ModalityInputs } from '@freebind/core';
import { decodeImage } from '@freebind/media';
import {
  ClapAudio,
  clapDraw,
  type ClapFeatures,
  ImagebindAudio,
  type SquareInput,
  squareBytes,
} from '@freebind/preprocess';

/** The thread's filter banks and the last rates' filters, made when the first sound comes. */
let imagebind: ImagebindAudio | undefined;
const claps = new Map<boolean, ClapAudio>();

/** An encoded picture's bytes: [3, side, side]. @throws what `decodeImage` throws */
export async function image(bytes: Uint8Array, square: SquareInput): Promise<Uint8Array> {
  return squareBytes(await decodeImage(bytes), square);
}

/** A sound as ImageBind's three clips: [3, 1, 128, 204]. @throws what `ImagebindAudio` throws */
export function imagebindAudio(sound: ModalityInputs['audio']): Float32Array {
  imagebind ??= new ImagebindAudio();
  return imagebind.of(sound);
}

/** A sound as CLAP's encoders see it. @throws what `ClapAudio` throws */
export function clapAudio(
  sound: ModalityInputs['audio'],
  { fusion, seed }: { readonly fusion: boolean; readonly seed: number },
): ClapFeatures {
  const clap = claps.get(fusion) ?? new ClapAudio(fusion);
  claps.set(fusion, clap);
  const wave = clap.wave(sound);
  return clap.features(wave, clapDraw(wave, seed));
}
