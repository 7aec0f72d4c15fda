import type { Modality, ModalityInputs } from '@freebind/core';

/** At least two different inputs of each modality, for spaces to embed. */
export type SpaceSamples = { readonly [M in Modality]?: readonly ModalityInputs[M][] };

// 32 × 32 pixels: all red; blue and white squares.
const RED_PNG =
  'iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAgEAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC';
const SQUARES_PNG =
  'iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAANklEQVR42mP4jwMwMGBHpKpnGLVg1IIhYAG1DMKtftSCUQsGvwWjRcWoBaMWjBYVoxaMWgAEAGLQ+GogbeT7AAAAAElFTkSuQmCC';

/** Samples of the modalities that core knows: two sentences, two pictures, two sounds of half a second. */
export function standardSamples(): SpaceSamples {
  return {
    text: ['a dog barks in the rain', 'two red apples on a table'],
    image: [RED_PNG, SQUARES_PNG].map((png) => ({ bytes: Uint8Array.from(atob(png), (ch) => ch.codePointAt(0) ?? 0) })),
    audio: [tone(220), tone(1760)],
  };
}

/** Half a second of a sine, one channel. `hertz` is its pitch. */
function tone(hertz: number): ModalityInputs['audio'] {
  const sampleRate = 16_000; // Hz
  const samples = Float32Array.from(
    { length: sampleRate / 2 },
    (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / sampleRate),
  );
  return { channels: [samples], sampleRate };
}
