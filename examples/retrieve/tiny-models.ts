// Model files and bonds for the five published variants that are small enough to lie in this repository: the encoders' official
// architectures with small random weights (fixtures/golden/models), and random projectors. What they retrieve means nothing;
// every step from a file to a table is the one that the real checkpoints take.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BondEnd, initialise, type Network, projector, random } from '@freebind/core';
import { writeBond } from '@freebind/core/files';
import type { ModelManifest } from '@freebind/models';
import { clapModels } from '@freebind/space-clap';
import { imagebindModels } from '@freebind/space-imagebind';
import { internvlModels } from '@freebind/space-internvl';
import { PUBLISHED_BONDS, PUBLISHED_HEADS } from '@freebind/torch';

const GOLDEN = fileURLToPath(new URL('../../fixtures/golden/', import.meta.url));

/** Columns of the tiny spaces, by the beginning of their ids. */
const DIMENSIONS = { imagebind: 24, internvl: 24, clap: 16 } as const;

/** Which golden file stands for which file of a model. CLAP's variants differ in their audio graph. */
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'imagebind/huge': {
    'imagebind_vision.onnx': 'models/imagebind_vision.onnx',
    'imagebind_audio.onnx': 'models/imagebind_audio.onnx',
    'imagebind_text.onnx': 'models/imagebind_text.onnx',
    'bpe_simple_vocab_16e6.txt.gz': 'vocab/clip-bpe/bpe_simple_vocab_16e6.txt.gz',
  },
  'internvl/c-14b-224': {
    'internvl_c_vision.onnx': 'models/internvl_c_vision.onnx',
    'internvl_c_text.onnx': 'models/internvl_c_text.onnx',
    'tokenizer.model': 'vocab/internvl-llama/tokenizer.model',
  },
  'clap/general': {
    'clap_audio.onnx': 'models/clap_fused_audio.onnx',
    'clap_text.onnx': 'models/clap_text.onnx',
    'vocab.json': 'vocab/roberta-base/vocab.json',
    'merges.txt': 'vocab/roberta-base/merges.txt',
  },
};
/** Models that share most of their files with another. */
const ALIKE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'imagebind/huge-ft': { ...FILES['imagebind/huge'], 'imagebind_audio_ft.onnx': 'models/imagebind_audio.onnx' },
  'clap/music': { ...FILES['clap/general'], 'clap_audio.onnx': 'models/clap_unfused_audio.onnx' },
};

/** Lays a folder of models, as FREEBIND_MODELS names one, and a folder of random bonds for every published variant below `dir`. */
export async function layTinyModels(dir: string): Promise<{ readonly models: string; readonly bonds: string }> {
  const [models, bonds] = [join(dir, 'models'), join(dir, 'bonds')];
  for (const official of [imagebindModels(), internvlModels(), clapModels()]) {
    for (const variant of Object.keys(official.variants)) {
      const files = { ...FILES, ...ALIKE }[`${official.space}/${variant}`];
      if (files !== undefined) await layVariant(join(models, official.space, variant), official, variant, files);
    }
  }
  const all = Object.values(PUBLISHED_BONDS).flat();
  for (const { id, kind, from, into, shared } of all) {
    const manifest = { id, kind, from: endOf(from), into: endOf(into), shared, heads: PUBLISHED_HEADS };
    const layers = projector({ input: manifest.from.dimension, output: manifest.into.dimension, hidden: 32 });
    const networks = Object.fromEntries(
      PUBLISHED_HEADS.map((head): [string, Network] => [head, initialise(layers, random(1, id, head), 'xavier')]),
    );
    await writeBond(join(bonds, id), { manifest, networks }, { source: 'random weights', seed: 1 }, { replace: true });
  }
  return { models, bonds };
}

/** Copies a variant's files, with a `models.json` that tells their width. */
async function layVariant(
  folder: string,
  official: ModelManifest,
  variant: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, golden] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await copyFile(join(GOLDEN, golden), join(folder, path));
  }
  const described = official.variants[variant];
  if (described === undefined) return;
  const { dimension } = endOf(official.space);
  const graphs = Object.fromEntries(
    Object.entries(described.graphs).map(([path, graph]) => [path, { ...graph, dimension }]),
  );
  const tiny: ModelManifest = {
    space: official.space,
    variants: { [variant]: { ...described, description: 'random weights', source: 'fixtures/golden/models', graphs } },
  };
  await writeFile(join(folder, 'models.json'), JSON.stringify(tiny, undefined, 2));
}

/** A tiny space; a bound space has the width of the one that it was displaced into, which is that of the others. */
function endOf(space: string): BondEnd {
  const name = Object.keys(DIMENSIONS).find((each): each is keyof typeof DIMENSIONS => space.startsWith(each));
  if (name === undefined) throw new Error(`There is no tiny space "${space}".`);
  return { space, dimension: DIMENSIONS[name] };
}
