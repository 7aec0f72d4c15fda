import { IMAGEBIND_IMAGE, INTERNVL_IMAGE, type SquareInput } from '@freebind/preprocess';

/**
 * How pictures are prepared, by name. CLIP's official transform (openai/CLIP `clip.py`, `_transform`) is the one that ImageBind took
 * over: the shorter side resized by Pillow's bicubic, the middle cut out, CLIP's mean and deviation. InternVL-C's rounds another
 * way and has ImageNet's.
 */
export const IMAGE_PRESETS = {
  'clip-224': IMAGEBIND_IMAGE,
  'clip-336': { ...IMAGEBIND_IMAGE, side: 336 },
  'internvl-224': INTERNVL_IMAGE,
} as const satisfies Readonly<Record<string, SquareInput>>;

/** How sounds are prepared, by name: ImageBind's three clips of filter banks, and CLAP's mels with and without fusion. */
export const AUDIO_PRESETS = ['imagebind-audio', 'clap-fused', 'clap-unfused'] as const;

/** What a name of a preset, or its numbers, stand for. */
export function squareOf(prepare: keyof typeof IMAGE_PRESETS | SquareInput): SquareInput {
  return typeof prepare === 'string' ? IMAGE_PRESETS[prepare] : prepare;
}
