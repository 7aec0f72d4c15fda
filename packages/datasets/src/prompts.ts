/**
 * The prompt of sounds: LAION-AI/CLAP `experiment_scripts/esc50_api.py` (36187f0), "This is a sound of " before the class's name. FreeBind's repository has no evaluation code and its paper
 * names no prompts; this is the one that its audio-text experts are evaluated with.
 */
export const SOUND_TEMPLATES: readonly string[] = ['This is a sound of {}'];

/** "a" and "the" before a class's name, for prompts that CLIP has with both. */
const both = (prompts: readonly string[]): readonly string[] =>
  prompts.flatMap((prompt) => [prompt.replace('*', 'a'), prompt.replace('*', 'the')]);

/**
 * CLIP's 80 prompts for ImageNet (arXiv 2103.00020; openai/CLIP, `notebooks/Prompt_Engineering_for_ImageNet.ipynb`
 * of d05afc4, whose 80 are these, in another order: their mean is the same). FreeBind names
 * no prompts; these are the usual ones. "itap" is "I took a picture".
 */
export const IMAGE_TEMPLATES: readonly string[] = [
  ...both([
    'a bad photo of * {}.',
    'a photo of * hard to see {}.',
    'a low resolution photo of * {}.',
    'a rendering of * {}.',
    'graffiti of * {}.',
    'a cropped photo of * {}.',
    'a tattoo of * {}.',
    'a bright photo of * {}.',
    'a photo of * clean {}.',
    'a photo of * dirty {}.',
    'a dark photo of * {}.',
    'a drawing of * {}.',
    'a photo of * cool {}.',
    'a close-up photo of * {}.',
    'a black and white photo of * {}.',
    'a painting of * {}.',
    'a pixelated photo of * {}.',
    'a sculpture of * {}.',
    'a jpeg corrupted photo of * {}.',
    'a blurry photo of * {}.',
    'a photo of * {}.',
    'a good photo of * {}.',
    'a doodle of * {}.',
    'a sketch of * {}.',
    'a rendition of * {}.',
    'a photo of * large {}.',
    'a photo of * nice {}.',
    'a photo of * weird {}.',
    'a photo of * small {}.',
    'art of * {}.',
    'itap of * {}.',
    '* {} in a video game.',
    '* embroidered {}.',
    '* plastic {}.',
    '* origami {}.',
    '* toy {}.',
    '* cartoon {}.',
    '* plushie {}.',
  ]),
  'a photo of many {}.',
  'a photo of my {}.',
  'a photo of one {}.',
  'itap of my {}.',
];
