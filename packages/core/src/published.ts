import type { Factors, Recipe } from './recipe.ts';

/**
 * Published settings of the combination factors (σ_audio, σ_text), by name: FreeBind (arXiv 2405.04883),
 * customised inference, "Versatile" and "AT Expertise". They are for combination steps, hence the `c.`.
 */
export const PRESETS = {
  versatile: { 'c.audio': 0.5, 'c.text': 0.1 },
  'at-expertise': { 'c.audio': 0.8, 'c.text': 0.5 },
} as const satisfies Readonly<Record<string, Factors>>;

/** λ of displacement, image and text: FreeBind `models/uni_spaces.py`, `InternVL_IB`. */
const DISPLACEMENT = { image: 0.2, text: 0.2 };
/** λ of displacement for the fine-tuned audio encoder: `models/uni_spaces.py`, `InternVL_IB_FT`. */
const DISPLACEMENT_FT = { image: 0.1, text: 0.1 };

const internvl = (factors: Factors) => ({ kind: 'displacement', experts: ['internvl'], factors }) as const;
const claps = { kind: 'combination', experts: ['clap-general', 'clap-music'] } as const;

/** The five variants that FreeBind published, by name, in lower case. `†` is ImageBind with a fine-tuned audio encoder. */
export const PUBLISHED: Readonly<Record<string, Recipe>> = {
  'imagebind++': { base: 'imagebind', steps: [claps], presets: PRESETS },
  internvl_ib: { base: 'imagebind', steps: [internvl(DISPLACEMENT)] },
  'internvl_ib†': { base: 'imagebind†', steps: [internvl(DISPLACEMENT_FT)] },
  'internvl_ib++': { base: 'imagebind', steps: [internvl(DISPLACEMENT), claps], presets: PRESETS },
  'internvl_ib†++': { base: 'imagebind†', steps: [internvl(DISPLACEMENT_FT), claps], presets: PRESETS },
};
