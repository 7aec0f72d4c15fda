import type { ModalityInputs } from '@freebind/core';
import { decodeAudio } from './decode-audio.ts';
import type { MediaLimits } from './limits.ts';
import { type MediaSource, readSource } from './read-source.ts';

/** A picture from anywhere, as spaces take it: its encoded bytes, which a space decodes. @throws what `readSource` throws */
export async function readImage(source: MediaSource, limits: MediaLimits = {}): Promise<ModalityInputs['image']> {
  return { bytes: await readSource(source, limits) };
}

/** A sound from anywhere, decoded. @throws what `readSource` and `decodeAudio` throw */
export async function readAudio(source: MediaSource, limits: MediaLimits = {}): Promise<ModalityInputs['audio']> {
  return decodeAudio(await readSource(source, limits), limits);
}
