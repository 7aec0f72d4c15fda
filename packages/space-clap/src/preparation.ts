// What threads do for CLAP.
import type { ModalityInputs } from '@freebind/core';
import { ClapAudio, clapDraw, type ClapFeatures } from '@freebind/preprocess';

/** The thread's banks and the last rate's filter, for each kind of model. */
const sounds = new Map<boolean, ClapAudio>();

/** What a CLAP audio encoder sees of a sound. @throws what `ClapAudio` throws */
export function audio(
  sound: ModalityInputs['audio'],
  model: { readonly fusion: boolean; readonly seed: number },
): ClapFeatures {
  const { fusion, seed } = model;
  const clap = sounds.get(fusion) ?? new ClapAudio(fusion);
  sounds.set(fusion, clap);
  const wave = clap.wave(sound);
  return clap.features(wave, clapDraw(wave, seed));
}
