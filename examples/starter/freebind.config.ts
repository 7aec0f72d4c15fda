// From tables of three unimodal encoders to a bound space. FREEBIND_STARTER is the folder of the tables, see README.md.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defineConfig } from '@freebind/core/config';

const data = resolve(process.env['FREEBIND_STARTER'] ?? 'data');
const { train, concepts } = readSplits();

// One drawing, three voices and two captions of every concept to train on; another artist and another voice to test on.
const image = file('emoji_img_mid128_google');
const audio = ['v0', 'v1', 'v2'].map((voice) => file(`emoji_aud_${voice}_oww`));
const text = ['label', 'labeltags'].map((caption) => file(`emoji_txt_${caption}`));
const heldOut = { image: file('emoji_img_mid128_twitter'), audio: file('emoji_aud_v6_oww'), text: text[0] ?? '' };

// Small data want small adapters and reduced features: deeper ones on raw features overfit.
const settings = {
  batch: 512,
  epochs: 200,
  adapter: { output: 256, blocks: 1, expansion: 2, dropout: 0.5 },
  latents: { standardise: true, reduce: 256 },
};

export default defineConfig({
  seed: 0,
  tables: 'run/pool',
  spaces: 'run/spaces',
  bonds: 'run/bonds',
  fuse: {
    vt: { ...settings, modalities: { image, text }, rows: train, embed: tables({ image, text }) },
    at: { ...settings, modalities: { audio, text }, rows: train, embed: tables({ audio, text }) },
    // The unified space is weak on purpose: it knows 250 concepts, the experts 981.
    u: {
      ...settings,
      modalities: { image, audio, text },
      rows: train.slice(0, 250),
      embed: tables({ image, audio, text }),
    },
  },
  train: {
    recipe: 'vt + c(at)',
    // Unpaired pools: every view of the training concepts, one below the other.
    rows: { image: views(1), audio: views(audio.length), text: views(text.length) },
    batch: 512,
    // Five times the paper's τ₂, chosen on the validation concepts: among 981 concepts many a negative is nearly right.
    temperature: 0.1,
    epochs: { displacement: 10, combination: 20 },
  },
});

function file(name: string): string {
  return join(data, `${name}.f16.npy`);
}

/** Where the tables of a space go: all views to `pool`, what was held out to `test`. */
function tables(modalities: Readonly<Record<string, string | readonly string[]>>) {
  const test = Object.entries(heldOut).filter(([modality]) => modality in modalities);
  return { 'run/pool': modalities, 'run/test': Object.fromEntries(test) };
}

/** Rows of the training concepts in `count` tables that stand one below the other. */
function views(count: number): readonly number[] {
  return Array.from({ length: count }, (_, view) => train.map((row) => view * concepts + row)).flat();
}

function readSplits(): { readonly train: readonly number[]; readonly concepts: number } {
  const splits: Readonly<Record<string, readonly number[]>> = JSON.parse(
    readFileSync(join(data, 'splits_seed0.json'), 'utf8'),
  );
  return { train: splits['train'] ?? [], concepts: Object.values(splits).flat().length };
}
