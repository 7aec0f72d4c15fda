// What threads do for CLAP.
import { hash32, type ModalityInputs, random } from '@freebind/core';
import { ClapAudio, type ClapFeatures } from '@freebind/preprocess';

/** The thread's banks and the last rate's filter, for each kind of model. */
const sounds = new Map<boolean, ClapAudio>();

/**
 * What a CLAP audio encoder sees of a sound. Pieces of a long one are drawn by the seed and the sound itself, not by its place in
 * a batch: alone or in company, it is heard at the same places. @throws what `ClapAudio` throws
 */
export function audio(
  sound: ModalityInputs['audio'],
  model: { readonly fusion: boolean; readonly seed: number },
): ClapFeatures {
  const { fusion, seed } = model;
  const clap = sounds.get(fusion) ?? new ClapAudio(fusion);
  sounds.set(fusion, clap);
  const wave = clap.wave(sound);
  return clap.features(wave, random(seed, 'clap', wave.length, hash32(sample(wave))));
}

/** Some of a wave's samples as text, enough to tell sounds apart. */
function sample(wave: Float32Array): string {
  const step = Math.max(Math.floor(wave.length / 64), 1);
  let text = '';
  for (let i = 0; i < wave.length; i += step) text += `${wave[i]} `;
  return text;
}
