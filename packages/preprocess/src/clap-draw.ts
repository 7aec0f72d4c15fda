import { hash32, type Random, random } from '@freebind/core';

/**
 * Draws the pieces of a long sound for `ClapAudio.features` by a seed and the sound itself, not by its place in a batch: alone or in
 * company, it is heard at the same places. `wave` is what `ClapAudio.wave` gives.
 */
export function clapDraw(wave: Float32Array, seed: number): Random {
  return random(seed, 'clap', wave.length, hash32(sample(wave)));
}

/** Some of a wave's samples as text, enough to tell sounds apart. */
function sample(wave: Float32Array): string {
  const step = Math.max(Math.floor(wave.length / 64), 1);
  let text = '';
  for (let i = 0; i < wave.length; i += step) text += `${wave[i]} `;
  return text;
}
